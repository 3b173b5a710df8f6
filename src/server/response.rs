//! The responses of the layers on the server's side: the inner service's, or the JSON of a rejection.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

#[cfg(feature = "explain")]
use super::Reason;
use super::Rejection;
use super::reason::Answer;
use crate::scheme::format_date;

impl Rejection {
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
