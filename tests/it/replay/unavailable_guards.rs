//! If a guard cannot decide, nothing passes.

use std::{convert::Infallible, future::pending, io, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{
    Rejection,
    replay::{MemoryReplayGuard, RejectReplaysLayer},
    server::VerifiedSignature,
};

use super::{outcome, send, verifier_of};
use crate::support::{KEY_ID, SIGNED_AT, at, clock::ManualClock, verifying::TestRequest, whole_error};

#[tokio::test]
async fn failing_guard_is_a_503_with_its_cause() {
    let guard = async |_: VerifiedSignature| Err::<bool, _>(io::Error::other("the guard is down"));
    let replays = RejectReplaysLayer::new(guard);
    let response = send(&replays, &ManualClock::at(SIGNED_AT), TestRequest::CREATE.request()).await;
    assert_eq!(response.status(), 503);
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert!(whole_error(rejection).contains("the guard is down"), "{rejection:?}");
    assert_eq!(outcome(response).await, Some("guard_unavailable"));
}

#[tokio::test]
async fn hanging_guard_holds_the_request() {
    let replays = RejectReplaysLayer::new(|_| pending::<Result<bool, io::Error>>());
    let sent = send(&replays, &ManualClock::at(SIGNED_AT), TestRequest::CREATE.request());
    assert!(sent.now_or_never().is_none());
}

#[tokio::test]
async fn guard_receives_the_signature_and_how_long_to_remember_it() {
    let guard = async |signature: VerifiedSignature| {
        assert_eq!(signature.valid_until(), at(SIGNED_AT + 300 + 900)());
        // Ten seconds have passed. The last second counts whole, and a minute is added.
        assert_eq!(signature.remember_for(), Duration::from_secs(290 + 900 + 1 + 60));
        assert_eq!(signature.key_id(), KEY_ID);
        Ok::<_, io::Error>(true)
    };
    let replays = RejectReplaysLayer::new(Arc::new(guard));
    let response = send(&replays, &ManualClock::at(SIGNED_AT + 10), TestRequest::CREATE.request()).await;
    assert_eq!(outcome(response).await, None);
}

#[tokio::test]
async fn full_guard_forgets_nothing_early() {
    let guard = MemoryReplayGuard::with_capacity(2);
    let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
    let request = |body| TestRequest { body, ..TestRequest::CREATE }.request();
    for (body, expected) in [
        (&b"1"[..], None),
        (b"2", None),
        (b"3", Some("guard_unavailable")),
        (b"1", Some("replayed")),
        (b"2", Some("replayed")),
    ] {
        assert_eq!(outcome(send(&replays, &clock, request(body)).await).await, expected, "{body:?}");
    }
    assert_eq!(guard.len(), 2);
}

/// A guard may have forgotten what the verifying layer accepted that long ago.
#[tokio::test]
async fn signature_that_expires_on_the_way_to_the_guard_does_not_pass() {
    for (elapsed, expected) in [(1200, None), (1201, Some("expired"))] {
        let clock = ManualClock::at(SIGNED_AT);
        let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("from inside"))));
        let slow = clock.clone();
        let service = ServiceBuilder::new()
            .layer(verifier_of(&clock))
            .map_request(move |request: Request<Body>| {
                slow.set(SIGNED_AT + elapsed);
                request
            })
            .layer(RejectReplaysLayer::default())
            .service(inner);
        let response = service.oneshot(TestRequest::CREATE.request()).await.unwrap();
        assert_eq!(outcome(response.map(Body::new)).await, expected);
    }
}
