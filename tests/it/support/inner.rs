//! What a layer makes of a request, with an inner service that needs no network.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tokio::sync::mpsc;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Access, AuthError, LogentriesAuthLayer, RebuildBody};

use super::{KEY_ID, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, wire};

pub(crate) const RAPID7: &str = "https://rest.logentries.com";

/// A request to Rapid7 without a body.
pub(crate) fn to_rapid7(method: Method, target: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("{RAPID7}{target}")).body(Full::default()).unwrap()
}

/// The request as the inner service of `layer` receives it. If it fails, the inner service receives nothing.
pub(crate) async fn pass<R, B>(layer: &LogentriesAuthLayer<R>, request: Request<B>) -> Result<Request<B>, AuthError>
where
    R: RebuildBody<B> + Clone,
    B: Body<Error: Into<BoxError>>,
{
    let (send, mut sent) = mpsc::unbounded_channel();
    let inner = service_fn(move |request| {
        assert!(send.send(request).is_ok());
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let result = layer.layer(inner).oneshot(request).await;
    let sent = sent.recv().await;
    match result {
        Ok(_) => Ok(sent.unwrap()),
        Err(error) => {
            assert!(sent.is_none(), "refused, and sent all the same: {error}");
            Err(error)
        }
    }
}

/// What is wrong with the signature of a request as the inner service received it, with this body.
pub(crate) fn signature_error<B>(request: &Request<B>, body: &[u8]) -> Option<String> {
    let target = request.uri().path_and_query().unwrap().as_str();
    wire::signature_error(KEY_ID, OWNER_KEY, request.method().as_str(), target, request.headers(), body)
}

/// The name of the key that a request without a body is sent with.
pub(crate) fn name_of_key<B>(request: &Request<B>) -> &'static str {
    match request.headers().get("x-api-key").map(|key| key.to_str().unwrap()) {
        Some(PLATFORM_KEY) => "platform",
        _ => match key_of(request).unwrap() {
            Access::ReadOnly => "read-only",
            Access::ReadWrite => "read/write",
            Access::Owner => "owner",
        },
    }
}

/// Which key a request without a body is sent with.
pub(crate) fn key_of<B>(request: &Request<B>) -> Option<Access> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
    match (header("x-api-key"), header("authorization-api-key")) {
        (Some(READ_ONLY_KEY), None) => Some(Access::ReadOnly),
        (Some(READ_WRITE_KEY), None) => Some(Access::ReadWrite),
        (None, Some(_)) => {
            assert_eq!(signature_error(request, b""), None);
            Some(Access::Owner)
        }
        (None, None) => None,
        headers => panic!("{headers:?}"),
    }
}
