//! Requests without a signature: with an API key they pass, without a verifying layer nothing does.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Access, Identity, Rejection, replay::RejectReplaysLayer};

use super::{outcome, send};
use crate::support::{
    LOGS, READ_WRITE_KEY, SIGNED_AT,
    clock::ManualClock,
    verifying::{TestRequest, with_api_key},
};

#[tokio::test]
async fn api_key_requests_may_repeat() {
    let (replays, clock) = (RejectReplaysLayer::default().check_safe_methods(true), ManualClock::at(SIGNED_AT));
    for _ in 0..3 {
        let request = with_api_key("POST", LOGS, READ_WRITE_KEY);
        assert_eq!(outcome(send(&replays, &clock, request).await).await, None);
    }
}

/// The answer where no verifying layer is outside.
async fn unverified(request: Request<Body>) -> Response<Body> {
    let inner = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("it passed") });
    RejectReplaysLayer::default().layer(inner).oneshot(request).await.unwrap().map(Body::new)
}

#[tokio::test]
async fn missing_verifying_layer_is_500() {
    for request in [TestRequest::LIST.request(), TestRequest::CREATE.request(), with_api_key("GET", LOGS, "any")] {
        let response = unverified(request).await;
        assert_eq!(response.status(), 500);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.key(), rejection.identity()), (None, None));
        assert_eq!(outcome(response).await, Some("missing_verify_layer"));
    }
}

#[tokio::test]
async fn owner_identity_without_signature_is_rejected() {
    let mut request = TestRequest::CREATE.request();
    request.extensions_mut().insert(Identity::new(Access::Owner));
    assert_eq!(outcome(unverified(request).await).await, Some("missing_verify_layer"));
}
