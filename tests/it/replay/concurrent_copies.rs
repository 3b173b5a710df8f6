//! Of any number of concurrent copies exactly one passes.

use axum::{Router, routing::any};
use futures_util::{StreamExt, stream};
use tower_logentries_auth::replay::RejectReplaysLayer;

use super::{outcome, send};
use crate::support::{
    SIGNED_AT, USERS,
    clock::ManualClock,
    hyper_client, server,
    verifying::{TestRequest, verifier},
    with_timeout,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_a_thousand_copies_passes_across_threads() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    let copies = (0..1_000).map(|_| {
        let sent = send(&replays, &clock, TestRequest::CREATE.request());
        tokio::spawn(async { outcome(sent.await).await })
    });
    let mut passed = 0;
    for copy in copies.collect::<Vec<_>>() {
        match copy.await.unwrap() {
            None => passed += 1,
            Some(kind) => assert_eq!(kind, "replayed"),
        }
    }
    assert_eq!(passed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_a_thousand_copies_passes_over_sockets() {
    let app = Router::new().route(USERS, any(async || {})).layer(RejectReplaysLayer::default()).layer(verifier());
    let origin = server::serve(app).await;
    let client = hyper_client();
    let copies = stream::iter(0..1_000).map(|_| client.request(TestRequest::CREATE.request_to(&origin)));
    let statuses = copies.buffer_unordered(64).map(|response| response.unwrap().status().as_u16());
    let mut statuses: Vec<_> = with_timeout(statuses.collect()).await;
    statuses.sort_unstable();
    assert_eq!(statuses[..2], [200, 401]);
    assert_eq!((statuses.len(), statuses[999]), (1_000, 401));
}
