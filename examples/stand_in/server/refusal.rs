//! Answers that are errors, in the API's form, and the bodies that may cause them.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A status, `errorCode` and `message`.
pub(super) struct Refusal(StatusCode, &'static str, &'static str);

pub(super) const NOT_FOUND: Refusal = Refusal(StatusCode::NOT_FOUND, "not_found", "there is no such resource");
pub(super) const INVALID_BODY: Refusal =
    Refusal(StatusCode::BAD_REQUEST, "bad_request", "the body is not the JSON of this resource");
pub(super) const INVALID_QUERY: Refusal =
    Refusal(StatusCode::BAD_REQUEST, "bad_request", "a parameter of the query is missing or invalid");
pub(super) const TOO_MANY_REQUESTS: Refusal =
    Refusal(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "the rate limit of this key is reached");
const BODY_TOO_LARGE: Refusal =
    Refusal(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "the body is longer than 64 MiB");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "errorCode": code, "message": message }))).into_response()
    }
}

/// A body of JSON, whatever its Content-Type. An empty one is an empty object.
pub(super) struct JsonBody(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => BODY_TOO_LARGE,
            _ => INVALID_BODY,
        })?;
        if body.is_empty() {
            return Ok(Self(json!({})));
        }
        serde_json::from_slice(&body).map(Self).map_err(|_| INVALID_BODY)
    }
}
