//! Long bodies, and the other tasks of the same thread.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::LogentriesVerifyLayer;

use super::wait;
use crate::support::{USERS, credentials, layer_for};

const MIB: usize = 1024 * 1024;
const SIZE: usize = 64 * MIB;

/// A task that counts how often it gets a turn.
fn neighbour() -> Arc<AtomicUsize> {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            wait().await;
        }
    });
    turns
}

/// How many turns a neighbour has while one chunk is hashed to be signed, and once more to be verified.
#[tokio::test]
async fn hashing_yields_every_mebibyte() {
    let turns = neighbour();
    let seen_between = Arc::new(AtomicUsize::new(0));
    let (count, between) = (Arc::clone(&turns), Arc::clone(&seen_between));
    let server = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let client = ServiceBuilder::new()
        .layer(layer_for("http://localhost").body_limit(SIZE))
        .map_request(move |request: Request<Body>| {
            between.store(count.load(Ordering::Relaxed), Ordering::Relaxed);
            request
        })
        .layer(LogentriesVerifyLayer::new(credentials()).body_limit(SIZE))
        .service(server);
    let request = Request::post(format!("http://localhost{USERS}")).body(Body::from(vec![7; SIZE])).unwrap();

    let sent = tokio::spawn(async move { client.oneshot(request).await.unwrap().status() });
    assert_eq!(sent.await.unwrap(), 200);
    let signing = seen_between.load(Ordering::Relaxed);
    let verifying = turns.load(Ordering::Relaxed) - signing;
    assert!(signing >= SIZE / MIB - 1, "{signing} turns while it was signed");
    assert!(verifying >= SIZE / MIB - 1, "{verifying} turns while it was verified");
}
