//! Whole requests through signing and verifying: what is signed passes, and what is changed does not.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
};

use arbitrary::Arbitrary;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Access, LogentriesAuthLayer};

use super::{METHODS, block_on, credentials, now, parse, verify};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    method: u8,
    target: &'a str,
    content_type: Option<&'a str>,
    body: &'a [u8],
    change: Change,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Change {
    Method(u8),
    Path(u8),
    ContentType(u8),
    Date(u8),
    Body { at: u16, bits: u8 },
    Signature { at: u8, with: u8 },
    Query(u8),
}

pub fn run(data: &[u8]) {
    let Some(input) = parse::<Input<'_>>(data) else { return };
    let Some(signed) = sign(&input) else { return };
    let received = verify(signed.clone()).unwrap_or_else(|rejection| panic!("{rejection}: {signed:?}"));
    assert_eq!(received.body(), input.body);

    let Some((changed, is_covered)) = change(signed.clone(), input.change) else { return };
    let result = verify(changed.clone());
    assert_eq!(result.is_err(), is_covered, "{:?} of {signed:?}: {result:?}", input.change);
}

/// Returns the request as it goes over the wire, in origin form, or `None` if it is not sent.
fn sign(input: &Input<'_>) -> Option<Request<Full<Bytes>>> {
    let uri = format!("https://rest.logentries.com/{}", input.target.trim_start_matches('/'));
    let mut request =
        Request::builder().method(METHODS[usize::from(input.method) % METHODS.len()]).uri(uri).extension(Access::Owner);
    if let Some(content_type) = input.content_type {
        request = request.header("content-type", content_type);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(input.body))).ok()?;

    let sent = Arc::new(Mutex::new(None));
    let inner = service_fn(|request: Request<Full<Bytes>>| {
        *sent.lock().expect("nobody panicked") = Some(request);
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let layer = LogentriesAuthLayer::new(credentials()).clock(now);
    let without_tower = layer.authenticate(to_bytes(&request));
    let result = block_on(layer.layer(inner).oneshot(request));
    assert_eq!(result.is_ok(), without_tower.is_ok(), "{without_tower:?}");
    result.ok()?;
    let mut request = sent.lock().expect("nobody panicked").take()?;
    let without_tower = without_tower.expect("the same result");
    assert_eq!((without_tower.headers(), without_tower.uri()), (request.headers(), request.uri()));
    *request.uri_mut() = request.uri().path_and_query()?.as_str().parse().ok()?;
    request.extensions_mut().clear();
    Some(request)
}

/// The request as it is for a client without tower.
fn to_bytes(request: &Request<Full<Bytes>>) -> Request<Bytes> {
    let body = block_on(request.body().clone().collect()).unwrap_or_else(|never| match never {}).to_bytes();
    request.clone().map(|_| body)
}

/// Returns the changed request, and whether the signature covers the change; `None` if nothing changed.
fn change(mut request: Request<Full<Bytes>>, change: Change) -> Option<(Request<Full<Bytes>>, bool)> {
    match change {
        Change::Method(n) => {
            let method: Method = METHODS[usize::from(n) % METHODS.len()].parse().ok()?;
            let is_other = *request.method() != method;
            *request.method_mut() = method;
            Some((request, true)).filter(|_| is_other)
        }
        Change::Path(byte) => {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let path = format!("{}{}{query}", request.uri().path(), char::from(b'a' + byte % 26));
            *request.uri_mut() = path.parse().ok()?;
            Some((request, true))
        }
        Change::Query(byte) => {
            let path = format!("{}?{}", request.uri().path(), char::from(b'a' + byte % 26));
            *request.uri_mut() = path.parse::<Uri>().ok()?;
            Some((request, false))
        }
        Change::ContentType(byte) => {
            let before = request.headers().get("content-type").map_or(&b""[..], |value| value.as_bytes());
            let after = HeaderValue::from_bytes(&[before, &[b'a' + byte % 26]].concat()).ok()?;
            request.headers_mut().insert("content-type", after);
            Some((request, true))
        }
        Change::Date(seconds) => {
            let date = httpdate::fmt_http_date(now() + std::time::Duration::from_secs(u64::from(seconds) + 1));
            request.headers_mut().insert("date", HeaderValue::from_str(&date).ok()?);
            Some((request, true))
        }
        Change::Body { at, bits } => {
            let (head, body) = request.into_parts();
            let mut body = block_on(body.collect()).unwrap_or_else(|never| match never {}).to_bytes().to_vec();
            let at = usize::from(at).checked_rem(body.len())?;
            body[at] ^= bits;
            Some((Request::from_parts(head, Full::new(body.into())), true)).filter(|_| bits != 0)
        }
        Change::Signature { at, with } => {
            let mut credential = request.headers()["authorization-api-key"].as_bytes().to_vec();
            let at = usize::from(at) % credential.len();
            let before = std::mem::replace(&mut credential[at], with);
            request.headers_mut().insert("authorization-api-key", HeaderValue::from_bytes(&credential).ok()?);
            Some((request, true)).filter(|_| before != with)
        }
    }
}
