//! A rejected request: why, by which key, and what the client learns.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::{Method, Response, StatusCode};

use super::response::json_response;
use super::{Identity, PresentedKey, Reason, ResponseBody};
use crate::trace::Rejected;

/// Why a request was rejected. It is in the extensions of the response, for logs, metrics and error formats of your own.
///
/// The response itself says less. Its JSON, `{"errorCode": "...", "message": "..."}`, has the
/// [`error_code`](Self::error_code) and the [`public_message`](Self::public_message). They are the same for an unknown key
/// and for an invalid signature, and never say what differs from what was signed, unless
/// [`explain_rejections`](super::LogentriesVerifyLayer::explain_rejections) is set. [`Reason`] has a table of all of them.
///
/// An outer layer can read it. This one counts requests by who made them, and compiles at every place of a stack:
///
/// ```
/// use axum::{Router, body::Body};
/// use http::Response;
/// use tower::{Layer, ServiceExt, util::MapResponseLayer};
/// use tower_logentries_auth::{Identity, Rejection};
///
/// fn count<B>(response: Response<B>) -> Response<B> {
///     let rejection = response.extensions().get::<Rejection>();
///     let identity = rejection.map_or(response.extensions().get(), Rejection::identity);
///     let (account, label) = identity.map_or((None, None), |i: &Identity| (i.account.as_ref(), i.key_label.as_ref()));
///     let kind = rejection.map_or("accepted", Rejection::kind);
///     println!("{account:?} {label:?} {kind} {}", response.status());
///     response
/// }
///
/// # let app: Router = Router::new();
/// let app = app.layer(MapResponseLayer::new(count::<Body>)); // added after, so outside of, LogentriesVerifyLayer
/// ```
///
/// An error format of your own, also for replays:
///
/// ```
/// use axum::{Json, response::{IntoResponse, Response}};
/// use serde_json::json;
/// use tower_logentries_auth::Rejection;
///
/// async fn problem(response: Response) -> Response {
///     let Some(rejection) = response.extensions().get::<Rejection>() else { return response };
///     let problem = json!({ "type": rejection.error_code(), "title": rejection.public_message() });
///     (rejection.status(), Json(problem)).into_response()
/// }
/// # let app: axum::Router = axum::Router::new();
/// let app = app.layer(axum::middleware::map_response(problem));
/// ```
#[derive(Clone)]
pub struct Rejection {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    reason: Reason,
    key: Option<PresentedKey>,
    identity: Option<Identity>,
}

impl Rejection {
    pub(super) fn of_key(key: PresentedKey, reason: Reason) -> Self {
        Self { inner: Arc::new(Inner { reason, key: Some(key), identity: None }) }
    }

    /// Rejects a request although its key is valid.
    pub(crate) fn of_identity(key: Option<PresentedKey>, identity: Option<Identity>, reason: Reason) -> Self {
        Self { inner: Arc::new(Inner { reason, key, identity }) }
    }

    /// Returns why the request was rejected.
    pub fn reason(&self) -> &Reason {
        &self.inner.reason
    }

    /// Returns the key that the request presented, if its credentials are well-formed. It may be unknown.
    pub fn key(&self) -> Option<&PresentedKey> {
        self.inner.key.as_ref()
    }

    /// Returns whose the key is, if it is valid and the request was rejected all the same: because the key does not suffice,
    /// or the request is a replay or expired.
    pub fn identity(&self) -> Option<&Identity> {
        self.inner.identity.as_ref()
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.reason().status()
    }

    /// Returns a label for metrics, such as `invalid_signature`: the name of the [`Reason`] in snake case.
    pub fn kind(&self) -> &'static str {
        self.reason().kind()
    }

    /// Returns the code that the client gets, such as `unauthorized`.
    pub fn error_code(&self) -> &'static str {
        self.reason().error_code()
    }

    /// Returns the message that the client gets.
    pub fn public_message(&self) -> &'static str {
        self.reason().public_message()
    }

    /// Returns what an event says of this rejection.
    pub(crate) fn event<'a>(&'a self, method: &'a Method, path: &'a str) -> Rejected<'a> {
        Rejected { method, path, key_id: self.key_id(), status: self.status(), kind: self.kind(), rejection: self }
    }

    /// Returns the id of an owner key, or the one that the store has for an API key.
    fn key_id(&self) -> Option<&str> {
        match self.key() {
            Some(PresentedKey::OwnerKeyId(id)) => Some(id),
            _ => self.identity()?.key_id.as_deref(),
        }
    }

    /// Builds the response, dated by the layer's clock. `details` are more members of its JSON object, each after a comma.
    pub(crate) fn into_response<ResBody>(
        self,
        details: &str,
        now: Option<u64>,
        is_head: bool,
    ) -> Response<ResponseBody<ResBody>> {
        let (code, message) = (self.error_code(), self.public_message());
        let mut response = json_response(self.status(), code, message, details, now, is_head);
        response.extensions_mut().insert(self);
        response
    }
}

impl<R: Into<Reason>> From<R> for Rejection {
    fn from(reason: R) -> Self {
        Self::of_identity(None, None, reason.into())
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
        self.reason().source()
    }
}

/// The response without a date, because no layer's clock is known.
#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Rejection {
    fn into_response(self) -> axum::response::Response {
        self.into_response("", None, false).map(axum::body::Body::new::<ResponseBody<axum::body::Body>>)
    }
}
