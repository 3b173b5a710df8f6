//! The example `stand_in`, with clients behind the signing layer.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::client::ClockSkewCorrected;

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, USERS, child::Served, hyper_client, layer_for,
    sockets::Socket, wire, with_timeout,
};

const MIB: usize = 1024 * 1024;

/// The stand-in, and a client of it that signs.
pub(super) struct StandIn {
    pub(super) served: Served,
}

impl StandIn {
    pub(super) async fn start(arguments: &[&str]) -> Self {
        Self { served: Served::start("stand_in", arguments).await }
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Response<Incoming> {
        let layer = layer_for(&self.served.origin).body_limit(100 * MIB);
        let client = ServiceBuilder::new().layer(layer).service(hyper_client());
        with_timeout(client.oneshot(self.request(method, path).body(body.into()).unwrap())).await.unwrap()
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let is_link = path.starts_with("http");
        let target = if is_link { path.to_owned() } else { format!("{}{path}", self.served.origin) };
        Request::builder().method(method).uri(target)
    }

    /// Returns the text of an answer with this status.
    pub(super) async fn text(&self, status: u16, method: Method, path: &str, body: &str) -> String {
        let (head, answer) = self.send(method.clone(), path, body.to_owned()).await.into_parts();
        let text = String::from_utf8(with_timeout(answer.collect()).await.unwrap().to_bytes().into()).unwrap();
        assert_eq!(head.status, status, "{method} {path}: {text}");
        text
    }

    pub(super) async fn json(&self, status: u16, method: Method, path: &str, body: Value) -> Value {
        serde_json::from_str(&self.text(status, method, path, &body.to_string()).await).unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(200, Method::GET, path, "").await).unwrap()
    }

    /// Returns the code of an answer that is an error.
    pub(super) async fn error(&self, status: u16, method: Method, path: &str, body: &str) -> String {
        let error: Value = serde_json::from_str(&self.text(status, method, path, body).await).unwrap();
        assert!(error["message"].is_string(), "{error}");
        error["errorCode"].as_str().unwrap().to_owned()
    }
}

/// Returns the JSON of an answer.
pub(super) async fn json_of(answer: Response<Incoming>) -> Value {
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Returns where the only link of an answer leads.
#[track_caller]
pub(super) fn link<'a>(answer: &'a Value, rel: &str) -> &'a str {
    let [link] = &answer["links"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(link["rel"], rel);
    link["href"].as_str().unwrap()
}

#[tokio::test]
async fn trailing_slash_leads_to_the_same_resource() {
    let api = StandIn::start(&[]).await;
    let logs = api.get(LOGS).await;
    for path in ["/management/logs/", "/log_search/management/logs/", "/log_search/management/logs/?limit=5"] {
        // Not through the signing layer, which would take the slash off.
        let request = api.request(Method::GET, path).header("X-API-KEY", READ_ONLY_KEY).body(Body::empty()).unwrap();
        let answer = hyper_client().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), logs, "{path}");
    }
    let query = json!({ "logs": ["7"], "leql": { "statement": "", "during": {} } }).to_string();
    let request = api.request(Method::POST, "/log_search/query/logs/?per_page=500").header("x-api-key", READ_ONLY_KEY);
    let answer = hyper_client().oneshot(request.body(Body::from(query)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 202);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let below = format!("{}/log_search/query/", api.served.origin);
    assert!(link(&serde_json::from_slice(&body).unwrap(), "Self").starts_with(&below));
}

#[tokio::test]
async fn requests_are_printed_with_their_key_and_why_they_were_rejected() {
    let api = StandIn::start(&[]).await;
    api.get(&format!("{LOGS}?q=s3cret")).await;
    api.get(USERS).await;
    let send = |request: http::request::Builder| hyper_client().oneshot(request.body(Body::empty()).unwrap());
    send(api.request(Method::POST, LOGS).header("x-api-key", READ_ONLY_KEY)).await.unwrap();
    send(api.request(Method::GET, "/search-stats").header("x-api-key", "unkn0wn")).await.unwrap();
    send(api.request(Method::GET, USERS)).await.unwrap();
    let written = api.served.stop().await;
    let line = |start: &str| {
        written.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {written}"))
    };
    line("GET /management/logs, read-only key, 200 OK");
    line(&format!("GET {USERS}, owner key {KEY_ID}, 200 OK"));
    line("POST /management/logs, read-only key, 403 Forbidden: ");
    line("GET /search-stats, an API key, 401 Unauthorized: ");
    line(&format!("GET {USERS}, no key, 401 Unauthorized: "));
    for secret in ["s3cret", OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, "unkn0wn"] {
        assert!(!written.contains(secret), "{written}");
    }
}

#[tokio::test]
async fn requests_over_the_limit_are_answered_with_retry_after() {
    let api = StandIn::start(&["--rate-limit", "2", "--rate-window", "3600"]).await;
    let header = |response: &Response<_>, name: &str| {
        let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        value.map(|value| value.parse::<u64>().unwrap())
    };
    for (status, remaining) in [(200, 1), (200, 0), (429, 0), (429, 0)] {
        let response = api.send(Method::GET, LOGS, "").await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "x-ratelimit-limit"), Some(2));
        assert_eq!(header(&response, "x-ratelimit-remaining"), Some(remaining));
        let reset = header(&response, "x-ratelimit-reset").unwrap();
        assert!((1..=3600).contains(&reset), "{reset}");
        assert_eq!(header(&response, "retry-after"), (status == 429).then_some(reset));
    }
    assert_eq!(api.error(429, Method::GET, LOGS, "").await, "too_many_requests");
    // Another endpoint, another method, another key.
    api.get("/management/logsets").await;
    api.json(201, Method::POST, LOGS, json!({})).await;
    let other_key = api.request(Method::GET, LOGS).header("x-api-key", READ_WRITE_KEY).body(Body::empty()).unwrap();
    assert_eq!(hyper_client().oneshot(other_key).await.unwrap().status(), 200);
}

#[tokio::test]
async fn window_of_no_length_limits_nothing() {
    let api = StandIn::start(&["--rate-limit", "1", "--rate-window", "0"]).await;
    for _ in 0..3 {
        api.get(LOGS).await;
    }
}

#[tokio::test]
async fn bodies_of_64_mib_are_taken_and_longer_ones_are_not() {
    let api = StandIn::start(&[]).await;
    let of_size = |singular: &str, size: usize| {
        let empty = json!({ singular: { "name": "" } }).to_string();
        json!({ singular: { "name": "x".repeat(size - empty.len()) } }).to_string()
    };
    // With a signature, which the verifying layer buffers for, and with an API key, which it does not.
    for (path, singular) in [(USERS, "user"), (LOGS, "log")] {
        let created = api.send(Method::POST, path, of_size(singular, 64 * MIB)).await;
        assert_eq!(created.status(), StatusCode::CREATED);
    }
    api.error(413, Method::POST, LOGS, &of_size("log", 64 * MIB + 1)).await;
    // A signed one is refused by its head.
    let mut socket = Socket::connect(&api.served.origin).await;
    let (date, signature) = (httpdate::fmt_http_date(SystemTime::now()), STANDARD.encode([0; 20]));
    let head = format!(
        "POST {USERS} HTTP/1.1\r\nhost: a\r\ndate: {date}\r\nauthorization-api-key: {KEY_ID}:{signature}\r\n\
         content-length: {}\r\n\r\n",
        64 * MIB + 1
    );
    socket.send(head).await;
    let refused = socket.receive().await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
}

#[tokio::test]
async fn clock_that_is_off_is_told_by_the_date_of_each_answer() {
    let api = StandIn::start(&["--clock-offset", "-1000"]).await;
    let client = ServiceBuilder::new().layer(layer_for(&api.served.origin)).service(hyper_client());
    let users = || api.request(Method::GET, USERS).body(Body::empty()).unwrap();
    let refused = client.clone().oneshot(users()).await.unwrap();
    assert_eq!(refused.status(), 401);
    let corrected = refused.extensions().get::<ClockSkewCorrected>().unwrap().offset_secs();
    assert!((-1002..=-998).contains(&corrected), "{corrected}");
    assert_eq!(client.oneshot(users()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn answers_take_the_latency() {
    let api = StandIn::start(&["--latency", "3600000"]).await;
    let request = api.request(Method::GET, LOGS).header("x-api-key", READ_ONLY_KEY).body(Body::empty()).unwrap();
    let client = ServiceBuilder::new().timeout(Duration::from_millis(300)).service(hyper_client());
    let error = client.oneshot(request).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
}

#[tokio::test]
async fn requests_without_a_key_are_refused() {
    let api = StandIn::start(&[]).await;
    for path in [LOGS, USERS, "/log_search/query/live/logs/7", "/download/logs/7", "/search-stats", "/nothing"] {
        let bare = api.request(Method::GET, path).body(Body::empty()).unwrap();
        assert_eq!(hyper_client().oneshot(bare).await.unwrap().status(), 401, "{path}");
    }
}

#[tokio::test]
async fn invalid_signature_is_explained() {
    let api = StandIn::start(&[]).await;
    let date = httpdate::fmt_http_date(SystemTime::now());
    let signed = |method| wire::signature(OWNER_KEY, method, "application/json", &date, USERS, b"");
    let request = |method| {
        let request = api.request(Method::GET, USERS).header("date", &date).header("content-type", "application/json");
        let credential = format!("{KEY_ID}:{}", signed(method));
        hyper_client().oneshot(request.header("authorization-api-key", credential).body(Body::empty()).unwrap())
    };
    assert_eq!(with_timeout(request("GET")).await.unwrap().status(), 200);
    let refused = with_timeout(request("POST")).await.unwrap();
    assert_eq!(refused.status(), 401);
    let body: Value = serde_json::from_slice(&refused.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let start = format!("GETapplication/json{date}{}", USERS.trim_start_matches('/'));
    assert!(body["canonicalString"].as_str().unwrap().starts_with(&start), "{body}");
}
