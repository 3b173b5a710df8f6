//! The retry policy of a client and the replay guard of its server, with default settings and running clocks.

use std::time::{Duration, SystemTime};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{
    LogentriesAuthLayer, LogentriesRetryPolicy, LogentriesVerifyLayer, replay::RejectReplaysLayer,
};

use super::{Answers, http, in_turn, request};
use crate::support::{credentials, layer_for, server};

/// Starts a service that rejects replays, whose handler gives these answers.
async fn guarded(answers: Answers) -> String {
    let answer = in_turn(answers);
    let handler = move |_: Request<Body>| {
        let answer: Response = answer();
        async move { answer }
    };
    let app = Router::new().fallback(handler).layer(RejectReplaysLayer::default());
    server::serve(app.layer(LogentriesVerifyLayer::new(credentials()))).await
}

/// Sends a request with the default policy to such a service; returns the last status.
async fn status(method: Method, answers: Answers, clock: fn(LogentriesAuthLayer) -> LogentriesAuthLayer) -> u16 {
    let origin = guarded(answers).await;
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(clock(layer_for(&origin)))
        .service(http());
    let request: Request<Full<Bytes>> = request(method, &origin);
    client.oneshot(request).await.unwrap().status().as_u16()
}

/// Does so ten times side by side, so that the attempts begin at different times of a second.
async fn ten_times(method: Method, answers: Answers, clock: fn(LogentriesAuthLayer) -> LogentriesAuthLayer) {
    let sent = (0..10).map(|n| {
        let method = method.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(n * 100)).await;
            status(method, answers, clock).await
        }
    });
    assert_eq!(join_all(sent).await, [200; 10]);
}

fn right(layer: LogentriesAuthLayer) -> LogentriesAuthLayer {
    layer
}

fn an_hour_slow(layer: LogentriesAuthLayer) -> LogentriesAuthLayer {
    layer.clock(|| SystemTime::now() - Duration::from_secs(60 * 60))
}

#[tokio::test]
async fn put_after_503_is_no_replay() {
    ten_times(Method::PUT, &[(503, &[])], right).await;
}

#[tokio::test]
async fn post_after_429_is_no_replay() {
    ten_times(Method::POST, &[(429, &[])], right).await;
}

/// The correction does not wait, and the failure after it falls into the same second.
#[tokio::test]
async fn corrected_clock_is_no_replay() {
    let (corrected, failed_as_well) =
        (ten_times(Method::POST, &[], an_hour_slow), ten_times(Method::PUT, &[(503, &[])], an_hour_slow));
    tokio::join!(corrected, failed_as_well);
}
