//! A rejected request: why, by which key, what the client learns, and the body of the responses.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::reason::Answer;
use super::{Identity, PresentedKey, Reason};
use crate::scheme::format_date;
use crate::trace::Rejected;

/// Why a request was rejected. It is in the extensions of the response, for logs, metrics and error formats of your own.
///
/// The response itself says less. Its JSON, `{"errorCode": "...", "message": "..."}`, has the
/// [`error_code`](Self::error_code) and the [`public_message`](Self::public_message). They are the same for an unknown key
/// and for an invalid signature, and never say what differs from what was signed, unless
/// [`explain_rejections`](super::LogentriesVerifyLayer::explain_rejections) is set. [`Reason`] has a table of all of them.
///
/// An outer layer can read it. This one counts requests by who made them, wherever it is in a stack:
///
/// ```
/// use axum::{Router, body::Body};
/// use http::Response;
/// use tower::util::MapResponseLayer;
/// use tower_logentries_auth::{Identity, Rejection, server::PresentedKey};
///
/// fn count<B>(response: Response<B>) -> Response<B> {
///     let rejection = response.extensions().get::<Rejection>();
///     let identity: Option<&Identity> = rejection.map_or(response.extensions().get(), Rejection::identity);
///     let kind = match (rejection, identity) {
///         (Some(rejection), _) => rejection.kind(),
///         (None, Some(_)) => "accepted",
///         (None, None) => "not authenticated", // answered by another layer, such as a timeout
///     };
///     // Valid keys have an account, an id and a label. Any key that was presented has a text.
///     let [account, key_id, label] =
///         identity.map_or([None, None, None], |i| [&i.account, &i.key_id, &i.key_label].map(Option::as_deref));
///     let presented = rejection.and_then(Rejection::key).map(PresentedKey::to_text);
///     println!("{kind} {account:?} {key_id:?} {label:?} {presented:?}");
///     response
/// }
///
/// # let app: Router = Router::new();
/// let app = app.layer(MapResponseLayer::new(count::<Body>)); // added after, so outside of, LogentriesVerifyLayer
/// ```
///
/// An error format of your own, also for replays. It keeps the status and the headers, such as `WWW-Authenticate`:
///
/// ```
/// use axum::response::Response;
/// use http::{HeaderValue, header::{CONTENT_LENGTH, CONTENT_TYPE}};
/// use serde_json::json;
/// use tower_logentries_auth::Rejection;
///
/// async fn problem(mut response: Response) -> Response {
///     let Some(rejection) = response.extensions().get::<Rejection>() else { return response };
///     let problem = json!({ "type": rejection.error_code(), "title": rejection.public_message() });
///     response.headers_mut().remove(CONTENT_LENGTH);
///     response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
///     response.map(|_| problem.to_string().into())
/// }
/// # let app: axum::Router = axum::Router::new();
/// let app = app.layer(axum::middleware::map_response(problem));
/// ```
#[derive(Clone)]
pub struct Rejection(Arc<Inner>);

struct Inner {
    reason: Reason,
    key: Option<PresentedKey>,
    identity: Option<Identity>,
}

impl Rejection {
    pub(crate) fn new(key: Option<PresentedKey>, identity: Option<Identity>, reason: Reason) -> Self {
        Self(Arc::new(Inner { reason, key, identity }))
    }

    pub(super) fn of_key(key: PresentedKey, reason: Reason) -> Self {
        Self::new(Some(key), None, reason)
    }

    /// Returns why the request was rejected.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Returns the key that the request presented, if its credentials are well-formed. It may be unknown.
    pub fn key(&self) -> Option<&PresentedKey> {
        self.0.key.as_ref()
    }

    /// Returns whose key it is, if the key is valid but the request was rejected: because the key does not suffice, or
    /// because the request is a replay or has expired.
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.as_ref()
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.reason().facts().0.status
    }

    /// Returns a label for metrics, such as `invalid_signature`: the name of the [`Reason`] in snake case.
    pub fn kind(&self) -> &'static str {
        self.reason().facts().1
    }

    /// Returns the code that the client gets, such as `unauthorized`.
    pub fn error_code(&self) -> &'static str {
        self.reason().facts().0.error_code
    }

    /// Returns the message that the client gets.
    pub fn public_message(&self) -> &'static str {
        self.reason().facts().2
    }

    /// Builds the response, dated by the layer's clock: `{"errorCode": "...", "message": "..."}`, with more members if an invalid
    /// signature is explained. Neither text has a character that JSON escapes.
    pub(crate) fn into_response<ResBody>(self, now: Option<u64>, is_head: bool) -> Response<ResponseBody<ResBody>> {
        let (Answer { status, error_code }, _, message) = self.reason().facts();
        let details = match self.reason() {
            #[cfg(feature = "explain")]
            Reason::InvalidSignature(mismatch) => mismatch.details(),
            _ => String::new(),
        };
        let json = format!(r#"{{"errorCode":"{error_code}","message":"{message}"{details}}}"#);
        let length = HeaderValue::from(json.len());
        // hyper resets an HTTP/2 stream whose response to HEAD has a body (RFC 9110, section 9.3.2).
        let json = if is_head { Bytes::new() } else { json.into() };
        let mut response = Response::new(ResponseBody { inner: None, json });
        *response.status_mut() = status;
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A cache does not know that the credentials of this scheme make a response private (RFC 9111, section 3.5).
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if is_head {
            headers.insert(CONTENT_LENGTH, length);
        }
        if let Some(date) = now.and_then(format_date) {
            headers.insert(DATE, date);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Logentries"));
        }
        response
    }

    /// Returns what an event says of this rejection.
    pub(crate) fn event<'a>(&'a self, method: &'a Method, path: &'a str) -> Rejected<'a> {
        // The id of an owner key, or the one that the store has for an API key.
        let key_id = match self.key() {
            Some(PresentedKey::OwnerKeyId(id)) => Some(&**id),
            _ => self.identity().and_then(|identity| identity.key_id.as_deref()),
        };
        Rejected { method, path, key_id, status: self.status(), kind: self.kind(), rejection: self }
    }
}

impl<R: Into<Reason>> From<R> for Rejection {
    fn from(reason: R) -> Self {
        Self::new(None, None, reason.into())
    }
}

/// For operators: it says more than the client learns.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection").field("reason", self.reason()).finish_non_exhaustive()
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.reason() {
            Reason::ReadBody(source) | Reason::KeyStoreUnavailable(source) | Reason::GuardUnavailable(source) => {
                Some(&**source)
            }
            _ => None,
        }
    }
}

/// The response without a date, because no layer's clock is known.
#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Rejection {
    fn into_response(self) -> axum::response::Response {
        self.into_response(None, false).map(axum::body::Body::new::<ResponseBody<axum::body::Body>>)
    }
}

pin_project! {
    /// The response body of [`LogentriesVerify`](super::LogentriesVerify) and
    /// [`RejectReplays`](crate::replay::RejectReplays): the inner service's own, or the JSON of a rejection.
    pub struct ResponseBody<ResBody> {
        #[pin]
        inner: Option<ResBody>,
        json: Bytes,
    }
}

impl<ResBody> ResponseBody<ResBody> {
    pub(crate) fn inner(body: ResBody) -> Self {
        Self { inner: Some(body), json: Bytes::new() }
    }
}

impl<ResBody: Body<Data: From<Bytes>>> Body for ResponseBody<ResBody> {
    type Data = ResBody::Data;
    type Error = ResBody::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll_frame(cx),
            None if this.json.is_empty() => Poll::Ready(None),
            None => Poll::Ready(Some(Ok(Frame::data(mem::take(this.json).into())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().map_or(self.json.is_empty(), Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(self.json.len() as u64), Body::size_hint)
    }
}

/// The default of the inner service's body, for outer layers that answer in its place.
impl<ResBody: Default> Default for ResponseBody<ResBody> {
    fn default() -> Self {
        Self::inner(ResBody::default())
    }
}

crate::text::opaque_debug!(ResponseBody<ResBody>);
