//! Signatures and their mistakes: a good signature is not explained, nor is one of another key, and a mistaken one is.
//!
//! An input is text, so that a person can read it: method, target, Content-Type, Date and X-Forwarded-Prefix, each on a line,
//! and the body.

use std::str;

use bytes::Bytes;
use http::{HeaderValue, Request};
use tower_logentries_auth::{
    OwnerKey,
    explain::{Mistake, explain, explain_with_key_text},
};

use super::{KEY_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, signature};

const OTHER_KEY: &str = "another-key";
/// Up to this length the budget suffices for every single mistake.
const SHORT: usize = 1_000;

pub fn run(data: &[u8]) {
    let Some(request) = request(data) else { return };
    let (method, lower) = (request.method().as_str(), request.method().as_str().to_ascii_lowercase());
    let is_explained_as = |signature: &str, mistakes: &[Mistake]| {
        assert_eq!(explained(&request, signature), [mistakes, mistakes], "{signature} {request:?}");
    };
    is_explained_as(&sign(&request, OWNER_KEY, method), &[]);
    is_explained_as(&sign(&request, OTHER_KEY, method), &[]);
    is_explained_as(&sign(&request, OTHER_KEY, &lower), &[]);
    is_explained_as(str::from_utf8(request.body()).unwrap_or_default(), &[]);
    if data.len() <= SHORT && method != lower {
        is_explained_as(&sign(&request, OWNER_KEY, &lower), &[Mistake::MethodCase]);
    }
}

fn request(data: &[u8]) -> Option<Request<Bytes>> {
    let mut lines = data.splitn(6, |byte| *byte == b'\n');
    let [method, target, content_type, date, prefix, body] = [(); 6].map(|()| lines.next().unwrap_or_default());
    let mut request = Request::builder().method(method).uri(target).header("host", "rest.logentries.com");
    for (name, value) in [("content-type", content_type), ("date", date), ("x-forwarded-prefix", prefix)] {
        if !value.is_empty() {
            request = request.header(name, HeaderValue::from_str(str::from_utf8(value).ok()?).ok()?);
        }
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

/// The signature of a request by the wire rules, as if it had this method.
fn sign(request: &Request<Bytes>, key: &str, method: &str) -> String {
    let text = |value: &HeaderValue| str::from_utf8(value.as_bytes()).expect("made of text").to_owned();
    let header = |name| request.headers().get(name).map(text).unwrap_or_default();
    signature(key, method, &header("content-type"), &header("date"), request.uri().path(), request.body())
}

/// What is found with the owner key, and what with the text of all keys.
fn explained(request: &Request<Bytes>, signature: &str) -> [Vec<Mistake>; 2] {
    let mut request = request.clone();
    if let Ok(credential) = HeaderValue::from_str(&format!("{KEY_ID}:{signature}")) {
        request.headers_mut().insert("authorization-api-key", credential);
    }
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).expect("the key is well-formed");
    let api_keys = [READ_WRITE_KEY, READ_ONLY_KEY];
    [explain(&request, &key), explain_with_key_text(&request, KEY_ID, OWNER_KEY, &api_keys)]
}
