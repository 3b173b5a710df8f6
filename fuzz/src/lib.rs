//! The targets, and what they share: keys, a clock that stands still, and the wire rules from their description.

pub mod bodies;
pub mod credentials;
pub mod explain;
pub mod origins;
pub mod paths;
pub mod round_trip;

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use arbitrary::{Arbitrary, Unstructured};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Credentials, Identity, LogentriesVerifyLayer, Rejection};

pub(crate) const KEY_ID: &str = "key-id";
pub(crate) const OWNER_KEY: &str = "owner-key";
pub(crate) const READ_WRITE_KEY: &str = "rw-key";
pub(crate) const READ_ONLY_KEY: &str = "ro-key";

pub(crate) const METHODS: [&str; 12] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "PURGE", "get"];

/// Thu, 17 Aug 2017 20:16:24 GMT.
pub(crate) const NOW: u64 = 1_503_000_984;

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn credentials() -> Credentials {
    Credentials::owner(KEY_ID, OWNER_KEY)
        .and_then(|keys| keys.with_read_write(READ_WRITE_KEY))
        .and_then(|keys| keys.with_read_only(READ_ONLY_KEY))
        .expect("the keys are well-formed")
}

/// Parses an input, or ignores it if it is too short.
pub(crate) fn parse<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(data)).ok()
}

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O").block_on(future)
}

/// Presents a request to a verifying layer with all keys. Returns it as the inner service received it.
pub(crate) fn verify(request: Request<Full<Bytes>>) -> Result<Request<Bytes>, Rejection> {
    verify_with(&LogentriesVerifyLayer::new(credentials()).clock(now), request)
}

/// The same with this layer. A response tells who passed, and only then.
pub(crate) fn verify_with(
    layer: &LogentriesVerifyLayer<Credentials>,
    request: Request<Full<Bytes>>,
) -> Result<Request<Bytes>, Rejection> {
    let received = Arc::new(Mutex::new(None));
    let inner = service_fn(|request: Request<Full<Bytes>>| {
        *received.lock().expect("nobody panicked") = Some(request);
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let mut response = block_on(layer.layer(inner).oneshot(request)).unwrap_or_else(|never| match never {});
    let rejection = response.extensions_mut().remove::<Rejection>();
    assert_eq!(response.extensions().get::<Identity>().is_some(), rejection.is_none());
    if let Some(rejection) = rejection {
        assert_eq!(
            (response.status(), &response.headers()["cache-control"]),
            (rejection.status(), &"no-store".parse().expect("a value"))
        );
        return Err(rejection);
    }
    let (head, body) = received.lock().expect("nobody panicked").take().expect("it passed").into_parts();
    let body = block_on(body.collect()).unwrap_or_else(|never| match never {});
    Ok(Request::from_parts(head, body.to_bytes()))
}

/// The signature of a request, in base64, by the wire rules.
pub(crate) fn signature(key: &str, method: &str, content_type: &str, date: &str, path: &str, body: &[u8]) -> String {
    let hashed_body = STANDARD.encode(Sha256::digest(body));
    let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    mac.update([method, content_type, date, path, &hashed_body].concat().as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
