//! The contract of `poll_ready`: the ready inner service is called, and given up where nothing is called.

use std::{convert::Infallible, io};

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn, util::BoxCloneService};
use tower_logentries_auth::{
    replay::{RejectReplays, RejectReplaysLayer},
    verify::VerifiedSignature,
};

use super::verifier_of;
use crate::support::{SIGNED_AT, clock::ManualClock, raw::with_timeout, verifying::TestRequest};

type Inner = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// A service that takes one request at a time, and panics where it is called without being ready.
fn limited<G>(replays: RejectReplaysLayer<G>) -> RejectReplays<ConcurrencyLimit<Inner>, G> {
    let inner = service_fn(async |_: Request<Body>| Ok(Response::new(Body::empty())));
    replays.layer(ConcurrencyLimit::new(BoxCloneService::new(inner), 1))
}

#[tokio::test]
async fn ready_service_is_called() {
    let guard = async |_: VerifiedSignature| {
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(true)
    };
    let replays = RejectReplaysLayer::new(guard);
    let mut service = verifier_of(&ManualClock::at(SIGNED_AT)).layer(limited(replays));
    for request in [TestRequest::CREATE.request(), TestRequest::LIST.request(), TestRequest::CREATE.request()] {
        let response = with_timeout(async { service.ready().await.unwrap().call(request).await }).await;
        assert_eq!(response.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn rejection_keeps_no_permit() {
    // The request of a client that came without a verifying layer is rejected at once, a replay after the guard's word.
    let mut bare = limited(RejectReplaysLayer::default());
    let response = bare.ready().await.unwrap().call(TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(response.status(), 500);
    with_timeout(bare.clone().ready()).await.unwrap();

    let clock = ManualClock::at(SIGNED_AT);
    let mut service = verifier_of(&clock).layer(limited(RejectReplaysLayer::default()));
    for status in [200, 401, 401] {
        let sent = async { service.ready().await.unwrap().call(TestRequest::CREATE.request()).await };
        assert_eq!(with_timeout(sent).await.unwrap().status(), status);
    }
    with_timeout(service.clone().ready()).await.unwrap();
}
