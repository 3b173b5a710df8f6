//! Clocks that are wrong, and clocks that lie.

mod bounds;
mod corrections;
mod hostile_dates;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer, sign::ClockSkewCorrected};

use crate::support::{
    LOGS, SIGNED_AT, USERS, at,
    clock::{ManualClock, RetryCorrected, date},
    credentials, hyper_client, layer_for,
    server::{record_and, verifier},
};

const TWENTY_MINUTES: i64 = 20 * 60;

fn verify_at(second: u64) -> LogentriesVerifyLayer<tower_logentries_auth::Credentials> {
    LogentriesVerifyLayer::new(credentials()).clock(at(second))
}

/// A server that verifies, and whose clock is this far from [`SIGNED_AT`].
async fn server_off_by(seconds: i64) -> String {
    verifier(verify_at(SIGNED_AT.checked_add_signed(seconds).unwrap())).await
}

/// A server that refuses everything with 401, at this distance from [`SIGNED_AT`].
async fn refusing_server_off_by(seconds: i64) -> String {
    let date = date(SIGNED_AT.checked_add_signed(seconds).unwrap());
    record_and(move |_| refusal(&date)).await.0
}

fn refusal(date: &str) -> Response<Body> {
    Response::builder().status(401).header("date", date).body(Body::empty()).unwrap()
}

/// Sends a GET through the layer, and returns the answer.
async fn get(layer: &LogentriesAuthLayer, origin: &str, path: &str) -> Response<Incoming> {
    let request = Request::get(format!("{origin}{path}")).body(Body::empty()).unwrap();
    layer.layer(hyper_client()).oneshot(request).await.unwrap()
}

/// By how much a response says that the clock was corrected.
fn corrected<T>(response: &Response<T>) -> Option<i64> {
    response.extensions().get::<ClockSkewCorrected>().map(ClockSkewCorrected::offset_secs)
}

#[tokio::test]
async fn skewed_server_rejects_once() {
    for offset in [TWENTY_MINUTES, -TWENTY_MINUTES] {
        let origin = server_off_by(offset).await;
        let layer = layer_for(&origin).clock(at(SIGNED_AT));
        let clone = layer.clone();

        let refused = get(&layer, &origin, USERS).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(corrected(&refused), Some(offset));

        let accepted = get(&clone, &origin, USERS).await;
        assert_eq!(accepted.status(), StatusCode::OK, "the offset is every clone's");
        assert_eq!(corrected(&accepted), None);
        assert_eq!(layer.clock_offset_secs(&origin).unwrap(), offset);
        assert_eq!(clone.clock_offset_secs(&origin).unwrap(), offset);
    }
}

#[tokio::test]
async fn retried_requests_all_succeed() {
    for offset in [TWENTY_MINUTES, -TWENTY_MINUTES] {
        let origin = server_off_by(offset).await;
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(RetryCorrected { tries_left: 1 }))
            .layer(layer_for(&origin).clock(at(SIGNED_AT)))
            .service(client);
        for body in ["", "a body that is signed twice"] {
            let request = Request::post(format!("{origin}{USERS}")).body(Full::from(body)).unwrap();
            let response = client.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{offset} {body:?}");
        }
    }
}

#[tokio::test]
async fn unexplained_rejection_keeps_the_offset() {
    let origin = refusing_server_off_by(TWENTY_MINUTES).await;
    let clock = ManualClock::at(SIGNED_AT);
    let layer = layer_for(&origin).clock(clock.reading());
    assert_eq!(corrected(&get(&layer, &origin, USERS).await), Some(TWENTY_MINUTES));
    for second in 1..4 {
        clock.set(SIGNED_AT + second);
        assert_eq!(corrected(&get(&layer, &origin, USERS).await), None);
        assert_eq!(layer.clock_offset_secs(&origin).unwrap(), TWENTY_MINUTES);
    }
}

#[tokio::test]
async fn clone_with_another_clock_starts_without_offsets() {
    let origin = server_off_by(TWENTY_MINUTES).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    get(&layer, &origin, USERS).await;
    let right = layer.clone().clock(at(SIGNED_AT.checked_add_signed(TWENTY_MINUTES).unwrap()));
    assert_eq!(right.clock_offset_secs(&origin).unwrap(), 0);
    let accepted = get(&right, &origin, USERS).await;
    assert_eq!((accepted.status(), corrected(&accepted)), (StatusCode::OK, None));
    let behind = layer.clone().clock(at(SIGNED_AT.checked_add_signed(-TWENTY_MINUTES).unwrap()));
    assert_eq!(corrected(&get(&behind, &origin, USERS).await), Some(2 * TWENTY_MINUTES));
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), TWENTY_MINUTES, "the first clock's is what it was");
}

#[tokio::test]
async fn offsets_are_per_origin() {
    let (ahead, behind, right) =
        (server_off_by(TWENTY_MINUTES).await, server_off_by(-TWENTY_MINUTES).await, server_off_by(0).await);
    let layer = layer_for(&ahead).trust_origin(&behind).unwrap().trust_origin(&right).unwrap().clock(at(SIGNED_AT));
    let origins = [(&ahead, TWENTY_MINUTES), (&behind, -TWENTY_MINUTES), (&right, 0)];
    for (origin, offset) in origins {
        assert_eq!(corrected(&get(&layer, origin, USERS).await).unwrap_or(0), offset);
    }
    for (origin, offset) in origins {
        assert_eq!(get(&layer, origin, USERS).await.status(), StatusCode::OK);
        assert_eq!(layer.clock_offset_secs(origin).unwrap(), offset);
    }
}

#[tokio::test]
async fn correct_clock_skew_false_disables_correction() {
    let origin = server_off_by(TWENTY_MINUTES).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT)).correct_clock_skew(false);
    for _ in 0..2 {
        let refused = get(&layer, &origin, USERS).await;
        assert_eq!((refused.status(), corrected(&refused)), (StatusCode::UNAUTHORIZED, None));
    }
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);
}

#[tokio::test]
async fn rejections_are_dated_by_the_layers_clock() {
    let origin = server_off_by(TWENTY_MINUTES).await;
    let unauthenticated = Request::get(format!("{origin}{LOGS}")).body(Body::empty()).unwrap();
    let refused = hyper_client().request(unauthenticated).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["date"], date(SIGNED_AT.checked_add_signed(TWENTY_MINUTES).unwrap()).as_str());
}
