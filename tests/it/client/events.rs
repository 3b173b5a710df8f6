//! The client's events of feature `tracing`: their target, level and fields.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};
use tower_logentries_auth::{
    AuthError, BodyDigest, LogentriesRetryPolicy, LogentriesVerifyLayer, client::UntrustedOrigins,
};
use tracing_subscriber::util::SubscriberInitExt;

use crate::support::{
    KEY_ID, LOGS, SIGNED_AT, TEAMS, USERS, at,
    bodies::{Act, Scripted},
    chain, clients,
    clock::date,
    credentials, layer_for,
    log::Log,
};

const ORIGIN: &str = "http://localhost";
const ID: &str = KEY_ID;

/// What this crate logged, one event a line, with its target below the crate.
fn ours(log: &str) -> Vec<String> {
    let mine = log.lines().filter(|line| line.contains("tower_logentries_auth::"));
    mine.map(|line| line.replace("tower_logentries_auth::", "").trim().to_owned()).collect()
}

/// Asserts that there was one event, of this level and target and with these fields at its end.
#[track_caller]
fn assert_one(events: &[String], start: &str, fields: &str) {
    let [event] = events else { panic!("{events:?}") };
    assert!(event.starts_with(start) && event.contains(fields), "{event:?} has not {fields:?}");
}

/// What the signing layer logs of one request, and its error if it fails.
async fn of_sending(request: Request<Body>) -> (Vec<String>, Option<AuthError>) {
    let layer = layer_for(ORIGIN).untrusted_origins(UntrustedOrigins::StripCredentials);
    let server = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let (result, log) = Log::of(layer.layer(server).oneshot(request)).await;
    (ours(&log), result.err())
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("{ORIGIN}{path}?query=hidden")).body(body.into()).unwrap()
}

#[tokio::test]
async fn each_request_is_one_debug_event() {
    let mut hashed = post(USERS, "four");
    hashed.extensions_mut().insert(BodyDigest::of("four"));
    let unsized_body = Body::new(Scripted::new([Act::Data(b"some")]));
    let foreign = Request::get(format!("https://example.com{USERS}")).body(Body::empty()).unwrap();
    let to = |method, path, origin| format!("method={method} path=\"{path}\" origin={origin}");
    let signed = |size| {
        let to = to("POST", USERS, ORIGIN);
        format!("{to} access=owner key_id=\"{ID}\" {size} clock_offset_secs=0")
    };
    let keyed = |size| format!("{} access=read/write {size}", to("POST", TEAMS, ORIGIN));
    let requests = [
        (post(USERS, ""), signed("body_len=0 is_buffered=false")),
        (post(USERS, "four"), signed("body_len=4 is_buffered=true")),
        (hashed, signed("body_len=4 is_buffered=false")),
        (post(TEAMS, "four"), keyed("body_len=4 is_buffered=false")),
        (post(TEAMS, unsized_body), keyed("is_buffered=false")),
        (foreign, to("GET", USERS, "https://example.com")),
    ];
    for (request, fields) in requests {
        assert_one(&of_sending(request).await.0, "DEBUG client: ", &fields);
    }
}

#[tokio::test]
async fn failures_before_sending_are_warnings() {
    let failing = Body::new(Scripted::new([Act::Fail("the disk is gone")]));
    let asterisk = Request::options("*").body(Body::empty()).unwrap();
    for (request, head) in [
        (post(USERS, failing), "method=POST path=\"/management/accounts/acme/users\" origin=http://localhost"),
        (asterisk, "method=OPTIONS path=\"*\" origin=unknown"),
    ] {
        let (told, error) = of_sending(request).await;
        assert_one(&told, "WARN client: ", &format!("{head} error={}", chain(&error.unwrap())));
    }
}

#[tokio::test]
async fn failures_of_reqwest_requests_name_what_was_not_sent() {
    let client = layer_for(ORIGIN).body_limit(3).layer(clients::builder().build().unwrap());
    let mut request = reqwest::Request::new(Method::POST, format!("{ORIGIN}{USERS}?query=hidden").parse().unwrap());
    *request.body_mut() = Some("four".into());
    let (result, log) = Log::of(client.oneshot(request)).await;
    let head = "method=POST path=\"/management/accounts/acme/users\" origin=http://localhost";
    assert_one(&ours(&log), "WARN client: ", &format!("{head} error={}", chain(&result.unwrap_err())));
}

#[tokio::test]
async fn skew_corrections_are_warnings() {
    let ahead = date(SIGNED_AT + 1200);
    let server = service_fn(move |_: Request<Body>| {
        let response = Response::builder().status(401).header("date", &ahead).body(Body::empty()).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let client = ServiceBuilder::new().layer(layer_for(ORIGIN).clock(at(SIGNED_AT))).service(server);
    let (_, log) = Log::of(async {
        client.clone().oneshot(post(USERS, "")).await.unwrap();
        client.clone().oneshot(post(USERS, "")).await.unwrap();
    })
    .await;
    let told = ours(&log);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].ends_with("clock_offset_secs=0"), "{told:?}");
    assert_one(&told[1..2], "WARN client: ", "origin=http://localhost clock_offset_secs=1200");
    assert!(told[2].ends_with("clock_offset_secs=1200"), "{told:?}");
}

#[tokio::test]
async fn queries_and_bodies_are_not_logged() {
    let server = LogentriesVerifyLayer::new(credentials())
        .layer(service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty()))));
    let client = ServiceBuilder::new().layer(layer_for(ORIGIN)).service(server);
    let (_, log) = Log::of(async {
        for path in [LOGS, TEAMS, USERS] {
            let response = client.clone().oneshot(post(path, "a hidden body")).await.unwrap();
            assert!(response.status().is_success() || path == LOGS);
        }
    })
    .await;
    assert_eq!(ours(&log).len(), 6, "{log}");
    assert!(!log.contains("hidden"), "{log}");
}

#[tokio::test]
async fn subscriber_may_query_the_layer() {
    let layer = layer_for(ORIGIN).clock(at(SIGNED_AT));
    let asked = layer.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || {
        asked.clock_offset_secs(ORIGIN).unwrap();
        std::io::sink()
    });
    let server = service_fn(async |_: Request<Body>| {
        Response::builder().status(401).header("date", date(SIGNED_AT + 1200)).body(Body::empty())
    });
    let _guard = subscriber.set_default();
    let response = layer.layer(server).oneshot(post(USERS, "a user")).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(layer.clock_offset_secs(ORIGIN).unwrap(), 1200);
}

/// What is logged of a request that is always answered with this status and `Retry-After`.
async fn of_retrying(status: u16, retry_after: &'static str) -> Vec<String> {
    let busy = service_fn(move |_: Request<Full<Bytes>>| async move {
        Response::builder().status(status).header("retry-after", retry_after).body(Body::empty())
    });
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(layer_for(ORIGIN))
        .service(busy);
    let request = Request::put(format!("{ORIGIN}{LOGS}?query=hidden")).body(Full::default()).unwrap();
    let (response, log) = Log::of(client.oneshot(request)).await;
    assert_eq!(response.unwrap().status(), status);
    ours(&log)
}

#[tokio::test(start_paused = true)]
async fn retry_names_the_request_its_origin_and_the_status() {
    let told = of_retrying(503, "0").await;
    let retries: Vec<_> = told.into_iter().filter(|event| event.starts_with("DEBUG retry: ")).collect();
    let fields = |n| format!("method=PUT path=\"{LOGS}\" origin={ORIGIN} status=503 retry={n} wait=");
    assert_one(&retries[..1], "DEBUG retry: ", &fields(1));
    assert_one(&retries[1..], "DEBUG retry: ", &fields(2));
}

#[tokio::test(start_paused = true)]
async fn retry_that_is_not_worth_the_wait_says_so() {
    let told = of_retrying(429, "86400").await;
    let fields = format!("method=PUT path=\"{LOGS}\" origin={ORIGIN} status=429 reason=");
    assert_one(&told[told.len() - 1..], "DEBUG retry: ", &fields);
}
