//! The response to a rejected request, for both layers on the server's side.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, WWW_AUTHENTICATE},
};

use crate::{body::ResponseBody, clock};

/// Builds `{"errorCode": "...", "message": "..."}`, dated by the layer's clock. Neither text may have a character that
/// JSON escapes. `details` are more members, each with a comma before it.
pub(crate) fn json_response<ResBody>(
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
    if is_head {
        headers.insert(CONTENT_LENGTH, length);
    }
    if let Some(date) = now.and_then(clock::format_date) {
        headers.insert(DATE, date);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Logentries"));
    }
    response
}

/// Writes a JSON string, in quotes (RFC 8259, section 7).
pub(crate) fn json_string(text: &str) -> String {
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
