//! A line for each request: the key that it was sent with, and why it was rejected, here or by the upstream.

use std::{
    env,
    io::{self, Write},
    sync::{Arc, OnceLock},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tower::BoxError;
use tower_logentries_auth::{AuthError, X_API_KEY};

/// How many bytes of an error are read for its message.
const LONGEST_ERROR: u64 = 64 * 1024;

/// The name of the key that a request was sent with, which is known further inside.
#[derive(Clone, Default)]
struct SentWith(Arc<OnceLock<&'static str>>);

/// Why the gateway itself rejected a request.
#[derive(Clone)]
struct Reason(String);

/// Prints a request once it is answered. Queries, headers and bodies are left out.
pub(crate) async fn print(mut request: Request, next: Next) -> Response {
    let start = format!("{} {}", request.method(), request.uri().path());
    let sent_with = SentWith::default();
    request.extensions_mut().insert(sent_with.clone());
    let (response, reason) = with_reason(next.run(request).await).await;
    let key = sent_with.0.get().unwrap_or(&"not sent");
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    // An error means that the reader has closed the pipe.
    let _ = writeln!(io::stdout(), "{start}, {key}, {}{reason}", response.status());
    response
}

/// Notes the key of a request that is about to be sent.
pub(crate) fn note_key(request: Request) -> Request {
    if let Some(SentWith(name)) = request.extensions().get() {
        let _ = name.set(name_of_key(request.headers()));
    }
    request
}

fn name_of_key(headers: &HeaderMap) -> &'static str {
    let Some(key) = headers.get(X_API_KEY) else { return "signed with the owner key" };
    let names = [
        ("LOGENTRIES_RO_API_KEY", "read-only key"),
        ("LOGENTRIES_RW_API_KEY", "read/write key"),
        ("LOGENTRIES_PLATFORM_API_KEY", "platform key"),
    ];
    let is_it = |variable: &str| env::var(variable).is_ok_and(|value| value.trim_end().as_bytes() == key.as_bytes());
    names.into_iter().find(|(variable, _)| is_it(variable)).map_or("an API key", |(_, name)| name)
}

/// Answers a request that was not sent, or got no answer.
pub(crate) async fn answer_error(error: BoxError) -> Response {
    let status = match error.downcast_ref() {
        Some(AuthError::BodyTooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(AuthError::InsufficientAccess { .. }) => StatusCode::FORBIDDEN,
        Some(AuthError::ClockOutOfRange) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(AuthError::Service { .. }) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::BAD_REQUEST,
    };
    let reason = format!("{:#}", anyhow::Error::from_boxed(error)); // with its causes
    let mut response = (status, reason.clone()).into_response();
    response.extensions_mut().insert(Reason(reason));
    response
}

/// Reads the reason of an error: the gateway's own, or the message in the JSON of the upstream.
async fn with_reason(mut response: Response) -> (Response, Option<String>) {
    if let Some(Reason(reason)) = response.extensions_mut().remove() {
        return (response, Some(reason));
    }
    let is_short = response.body().size_hint().upper().is_some_and(|length| length <= LONGEST_ERROR);
    if !response.status().is_client_error() || !is_short {
        return (response, None);
    }
    let (head, body) = response.into_parts();
    match Limited::new(body, LONGEST_ERROR as usize).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let reason = message(&body);
            (Response::from_parts(head, Body::from(body)), reason)
        }
        Err(_) => (StatusCode::BAD_GATEWAY.into_response(), Some("its answer could not be read".to_owned())),
    }
}

/// Returns `errorCode` and `message`, without control characters.
fn message(body: &Bytes) -> Option<String> {
    let error: Value = serde_json::from_slice(body).ok()?;
    let (code, message) = (error["errorCode"].as_str()?, error["message"].as_str()?);
    Some(format!("{code}: {message}").escape_debug().to_string())
}
