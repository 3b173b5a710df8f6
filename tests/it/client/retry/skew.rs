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
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesRetryPolicy};

use super::{answering, http, http2, request};
use crate::support::{
    SIGNED_AT, USERS, at,
    clock::date,
    layer_for,
    server::{Recording, recorder},
    tls,
};

/// Asserts that a `POST` is sent twice without a wait, the second time with the server's date.
async fn assert_corrected<C>(origin: &str, recording: &Recording, http: Client<C, Full<Bytes>>)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let layer = layer_for(origin).clock(at(SIGNED_AT));
    let client = ServiceBuilder::new().layer(RetryLayer::new(LogentriesRetryPolicy::new())).layer(layer).service(http);
    let start = Instant::now();
    let response = client.oneshot(request(Method::POST, format!("{origin}{USERS}"))).await.unwrap();
    assert_eq!((response.status().as_u16(), start.elapsed().as_millis() < 10), (200, true));
    let [first, second] = recording.take().try_into().unwrap();
    assert_eq!((first.signature_error(), second.signature_error()), (None, None));
    let dates = [date(SIGNED_AT), date(SIGNED_AT + 3600)];
    assert_eq!([first.header("date"), second.header("date")], dates.each_ref().map(|date| Some(&**date)));
}

const AN_HOUR_AHEAD: &[(u16, super::Headers)] = &[(401, &[("date", "Thu, 17 Aug 2017 21:16:24 GMT")])];

#[tokio::test(start_paused = true)]
async fn corrected_clock_is_retried_over_http1() {
    let (origin, recording) = answering(AN_HOUR_AHEAD).await;
    assert_corrected(&origin, &recording, http()).await;
}

#[tokio::test(start_paused = true)]
async fn corrected_clock_is_retried_over_http2() {
    let (origin, recording) = answering(AN_HOUR_AHEAD).await;
    assert_corrected(&origin, &recording, http2()).await;
}

#[tokio::test(start_paused = true)]
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

/// Sends a request with a right key to a server that rejects all; returns how often it was sent.
async fn rejected(layer: LogentriesAuthLayer, origin: &str, recording: &Recording) -> usize {
    let request = request(Method::GET, format!("{origin}{USERS}"));
    assert_eq!(super::send(LogentriesRetryPolicy::new().attempts(9), layer, request).await, 401);
    recording.take().len()
}

#[tokio::test(start_paused = true)]
async fn other_rejections_are_not_retried() {
    const IN_TIME: (u16, super::Headers) = (401, &[("date", "Thu, 17 Aug 2017 20:16:24 GMT")]);
    const ALWAYS: &[(u16, super::Headers)] = &[IN_TIME; 9];
    let (origin, recording) = answering(ALWAYS).await;
    assert_eq!(rejected(layer_for(&origin).clock(at(SIGNED_AT)), &origin, &recording).await, 1);
}

#[tokio::test(start_paused = true)]
async fn rejection_is_retried_once() {
    const ALWAYS: &[(u16, super::Headers)] = &[AN_HOUR_AHEAD[0]; 9];
    let (origin, recording) = answering(ALWAYS).await;
    assert_eq!(rejected(layer_for(&origin).clock(at(SIGNED_AT)), &origin, &recording).await, 2);
}
