//! The attempt that follows a corrected clock.

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::Connect},
    rt::TokioExecutor,
};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::LogentriesRetryPolicy;

use super::{Answers, ORIGIN, answering, http, http2, request, send};
use crate::support::{
    SIGNED_AT, at,
    clock::date,
    layer_for,
    server::{Recording, recorder},
    tls,
};

/// Asserts that a `POST` is sent twice, the second time with the server's date.
async fn assert_corrected<C>(origin: &str, recording: &Recording, http: Client<C, Full<Bytes>>)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let layer = layer_for(origin).clock(at(SIGNED_AT));
    let client = ServiceBuilder::new().layer(RetryLayer::new(LogentriesRetryPolicy::new())).layer(layer).service(http);
    assert_eq!(client.oneshot(request(Method::POST, origin)).await.unwrap().status(), 200);
    let [first, second] = recording.take().try_into().unwrap();
    assert_eq!((first.signature_error(), second.signature_error()), (None, None));
    let dates = [date(SIGNED_AT), date(SIGNED_AT + 3600)];
    assert_eq!([first.header("date"), second.header("date")], dates.each_ref().map(|date| Some(&**date)));
}

const AN_HOUR_AHEAD: Answers = &[(401, &[("date", "Thu, 17 Aug 2017 21:16:24 GMT")])];

#[tokio::test]
async fn corrected_clock_is_retried_over_http1() {
    let (origin, recording) = answering(AN_HOUR_AHEAD).await;
    assert_corrected(&origin, &recording, http()).await;
}

#[tokio::test]
async fn corrected_clock_is_retried_over_http2() {
    let (origin, recording) = answering(AN_HOUR_AHEAD).await;
    assert_corrected(&origin, &recording, http2()).await;
}

#[tokio::test]
async fn corrected_clock_is_retried_over_tls() {
    let (app, recording) = recorder(|received| {
        let is_right = received.header("date") == Some(&*date(SIGNED_AT + 3600));
        let response = axum::response::Response::builder().status(if is_right { 200 } else { 401 });
        response.header("date", date(SIGNED_AT + 3600)).body(axum::body::Body::empty()).unwrap()
    });
    let (origin, certificate) = tls::serve(app).await;
    let config = tls::trusting(Some(certificate));
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().build();
    assert_corrected(&origin, &recording, Client::builder(TokioExecutor::new()).build(https)).await;
}

/// Sends a request with a right key, whose date is [`SIGNED_AT`]; returns the last status, and how often it was sent.
async fn outcome(method: Method, answers: Answers) -> (u16, usize) {
    let (policy, layer) = (LogentriesRetryPolicy::new().attempts(9), layer_for(ORIGIN).clock(at(SIGNED_AT)));
    let (status, recording) = send(policy, layer, answers, request(method, ORIGIN)).await;
    (status, recording.take().len())
}

#[tokio::test(start_paused = true)]
async fn corrected_request_does_not_wait() {
    for method in [Method::GET, Method::PUT, Method::POST] {
        let start = Instant::now();
        assert_eq!(outcome(method, AN_HOUR_AHEAD).await, (200, 2));
        assert!(start.elapsed().as_millis() <= 1, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn other_rejections_are_final() {
    const IN_TIME: Answers = &[(401, &[("date", "Thu, 17 Aug 2017 20:16:24 GMT")])];
    assert_eq!(outcome(Method::GET, IN_TIME).await, (401, 1));
}

#[tokio::test(start_paused = true)]
async fn clock_is_corrected_once() {
    const ALWAYS: Answers = &[AN_HOUR_AHEAD[0]; 9];
    assert_eq!(outcome(Method::GET, ALWAYS).await, (401, 2));
}

/// A service may answer 403 and 404 after it processed the request.
#[tokio::test(start_paused = true)]
async fn method_that_is_not_idempotent_is_repeated_after_401_only() {
    const FORBIDDEN: Answers = &[(403, AN_HOUR_AHEAD[0].1)];
    const NOT_FOUND: Answers = &[(404, AN_HOUR_AHEAD[0].1)];
    for (status, answers) in [(403, FORBIDDEN), (404, NOT_FOUND)] {
        for method in [Method::GET, Method::PUT] {
            assert_eq!(outcome(method, answers).await, (200, 2));
        }
        for method in [Method::POST, Method::PATCH] {
            assert_eq!(outcome(method, answers).await, (status, 1));
        }
    }
}
