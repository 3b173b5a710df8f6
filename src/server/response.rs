//! The responses of the layers on the server's side: the inner service's, or the JSON of a rejection.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::scheme::format_date;

/// Builds `{"errorCode": "...", "message": "..."}`, dated by the layer's clock. Neither text may have a character that
/// JSON escapes. `details` are more members, each with a comma before it.
pub(super) fn json_response<ResBody>(
    status: StatusCode,
    code: &str,
    message: &str,
    details: &str,
    now: Option<u64>,
    is_head: bool,
) -> Response<ResponseBody<ResBody>> {
    let json = format!(r#"{{"errorCode":"{code}","message":"{message}"{details}}}"#);
    let length = HeaderValue::from(json.len());
    // hyper resets an HTTP/2 stream whose response to HEAD has a body (RFC 9110, section 9.3.2).
    let json = if is_head { Bytes::new() } else { json.into() };
    let mut response = Response::new(ResponseBody::rejection(json));
    *response.status_mut() = status;
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

/// Writes a JSON string, in quotes (RFC 8259, section 7).
#[cfg(feature = "explain")]
pub(super) fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => json.extend(['\\', char]),
            '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => json.push(char),
        }
    }
    json.push('"');
    json
}

pin_project! {
    /// The response body of [`LogentriesVerify`](crate::server::LogentriesVerify) and
    /// [`RejectReplays`](crate::replay::RejectReplays): the inner service's own, or the JSON of a rejection.
    pub struct ResponseBody<ResBody> {
        #[pin]
        kind: Kind<ResBody>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<ResBody> {
        Inner { #[pin] body: ResBody },
        Rejection { #[pin] body: Full<Bytes> },
    }
}

impl<ResBody> ResponseBody<ResBody> {
    pub(crate) fn inner(body: ResBody) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    fn rejection(json: Bytes) -> Self {
        Self { kind: Kind::Rejection { body: Full::new(json) } }
    }
}

impl<ResBody> Body for ResponseBody<ResBody>
where
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Data = ResBody::Data;
    type Error = ResBody::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<ResBody::Data>, ResBody::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Rejection { body } => body.poll_frame(cx).map(|frame| {
                frame.map(|frame| frame.map(|frame| frame.map_data(ResBody::Data::from)).map_err(|e| match e {}))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Rejection { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Rejection { body } => body.size_hint(),
        }
    }
}

/// The default of the inner service's body, for outer layers that answer in its place.
impl<ResBody: Default> Default for ResponseBody<ResBody> {
    fn default() -> Self {
        Self::inner(ResBody::default())
    }
}

crate::text::opaque_debug!(ResponseBody<ResBody>);
