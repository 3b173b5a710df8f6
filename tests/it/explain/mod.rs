//! Explaining, from outside.

mod bounds;
mod properties;
mod situations;
mod vectors;

use bytes::Bytes;
use http::Request;
use tower_logentries_auth::OwnerKey;

use crate::support::{KEY_ID, OWNER_KEY, wire};

fn owner_key() -> OwnerKey {
    OwnerKey::new(KEY_ID, OWNER_KEY).unwrap()
}

/// The signature of a request as it is, by the wire rules that the crate has no part in.
fn sign(request: &Request<Bytes>, key: &str) -> String {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    let target = request.uri().path();
    wire::signature(key, request.method().as_str(), header("content-type"), header("date"), target, request.body())
}

fn with_signature(mut request: Request<Bytes>, signature: &str) -> Request<Bytes> {
    let credential = format!("{KEY_ID}:{signature}");
    request.headers_mut().insert("authorization-api-key", credential.parse().unwrap());
    request
}
