//! The example of that name, with clients behind the signing layer.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::sign::ClockSkewCorrected;

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, USERS, child::Served, hyper_client, layer_for,
    sockets::Socket, wire, with_timeout,
};

const MIB: usize = 1024 * 1024;

/// The stand-in, and a client of it that signs.
struct StandIn {
    served: Served,
}

impl StandIn {
    async fn start(arguments: &[&str]) -> Self {
        Self { served: Served::start("stand_in", arguments).await }
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Response<Incoming> {
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
    async fn text(&self, status: u16, method: Method, path: &str, body: &str) -> String {
        let (head, answer) = self.send(method.clone(), path, body.to_owned()).await.into_parts();
        let text = String::from_utf8(with_timeout(answer.collect()).await.unwrap().to_bytes().into()).unwrap();
        assert_eq!(head.status, status, "{method} {path}: {text}");
        text
    }

    async fn json(&self, status: u16, method: Method, path: &str, body: Value) -> Value {
        serde_json::from_str(&self.text(status, method, path, &body.to_string()).await).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(200, Method::GET, path, "").await).unwrap()
    }

    /// Returns the code of an answer that is an error.
    async fn error(&self, status: u16, method: Method, path: &str, body: &str) -> String {
        let error: Value = serde_json::from_str(&self.text(status, method, path, body).await).unwrap();
        assert!(error["message"].is_string(), "{error}");
        error["errorCode"].as_str().unwrap().to_owned()
    }
}

/// Returns where the only link of an answer leads.
#[track_caller]
fn link<'a>(answer: &'a Value, rel: &str) -> &'a str {
    let [link] = &answer["links"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(link["rel"], rel);
    link["href"].as_str().unwrap()
}

fn events(answer: &Value) -> Vec<u64> {
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("{answer}"));
    events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect()
}

const COLLECTIONS: [(&str, &str, &str); 12] = [
    (USERS, "users", "user"),
    ("/management/accounts/acme/apikeys", "apikeys", "apikey"),
    ("/management/accounts/acme/teams", "teams", "team"),
    (LOGS, "logs", "log"),
    ("/management/logsets", "logsets", "logset"),
    ("/management/tags", "tags", "tag"),
    ("/management/labels", "labels", "label"),
    ("/management/metrics", "metrics", "metric"),
    ("/management/actions", "actions", "action"),
    ("/management/targets", "targets", "target"),
    ("/query/saved_queries", "saved_queries", "saved_query"),
    ("/query/variables", "variables", "variable"),
];

#[tokio::test]
async fn items_are_created_shown_changed_and_deleted() {
    let api = StandIn::start(&[]).await;
    for (path, plural, singular) in COLLECTIONS {
        for prefix in ["", "/log_search"] {
            let item = |name: &str| json!({ singular: { "name": name } });
            let created = api.json(201, Method::POST, &format!("{prefix}{path}"), item("first")).await;
            let id = created[singular]["id"].as_str().unwrap();
            // Both prefixes lead to the same items.
            let other = if prefix.is_empty() { "/log_search" } else { "" };
            let listed = api.get(&format!("{other}{path}")).await;
            let listed = listed[plural].as_array().unwrap();
            assert!(listed.contains(&created[singular]), "{path}: {listed:?}");

            let path = format!("{prefix}{path}/{id}");
            assert_eq!(api.get(&path).await, created);
            let patched = api.json(200, Method::PATCH, &path, json!({ singular: { "extra": { "a": 1 } } })).await;
            assert_eq!(
                (&patched[singular]["name"], &patched[singular]["extra"]),
                (&json!("first"), &json!({ "a": 1 }))
            );
            let replaced = api.json(200, Method::PUT, &path, item("second")).await;
            assert_eq!((&replaced[singular]["name"], &replaced[singular]["extra"]), (&json!("second"), &Value::Null));
            assert_eq!(api.get(&path).await, replaced);
            assert_eq!(api.text(204, Method::DELETE, &path, "").await, "");
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(api.error(404, method, &path, "").await, "not_found");
            }
        }
        for body in ["no JSON", "[]", r#"{"other": {}}"#] {
            assert_eq!(api.error(400, Method::POST, path, body).await, "bad_request");
        }
    }
}

#[tokio::test]
async fn exports_are_listed_and_deleted() {
    let api = StandIn::start(&[]).await;
    let exports = api.get("/exports").await;
    let path = format!("/exports/{}", exports["exports"][0]["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await["export"], exports["exports"][0]);
    api.text(204, Method::DELETE, &path, "").await;
    assert_eq!(api.get("/exports").await, json!({ "exports": [] }));
}

#[tokio::test]
async fn account_owners_and_organization_keys_are_shown() {
    let api = StandIn::start(&[]).await;
    assert_eq!(api.get("/management/accounts/acme").await["account"]["id"], "acme");
    assert_eq!(api.get("/management/accounts/acme/owners").await["owners"][0]["email"], "jane@smyth.com");
    assert_eq!(api.get("/management/organizations/apikeys").await["apikeys"][0]["active"], true);
    assert_eq!(api.error(404, Method::GET, "/management/nothing", "").await, "not_found");
}

/// Follows a query to its end.
async fn follow(api: &StandIn, started: Value) {
    assert_eq!(started["progress"], 0);
    let running = api.get(link(&started, "Self")).await;
    assert_eq!(running["progress"], 50);
    let first = api.get(link(&running, "self")).await;
    assert_eq!(events(&first), (1..=50).collect::<Vec<_>>());
    let last = api.get(link(&first, "Next")).await;
    assert_eq!((events(&last), &last["links"]), ((51..=60).collect(), &Value::Null));
}

#[tokio::test]
async fn queries_are_accepted_polled_and_paged() {
    let api = StandIn::start(&[]).await;
    let leql = json!({ "statement": "where(/.*/)", "during": { "from": 1_000, "to": 61_000 } });
    let query = json!({ "logs": ["7", "8"], "leql": leql });
    for path in ["/query/logs", "/log_search/query/logs", "/audit/query/logs"] {
        let started = api.json(202, Method::POST, path, query.clone()).await;
        let below = format!("{}{}/", api.served.origin, path.trim_end_matches("/logs"));
        assert!(link(&started, "Self").starts_with(&below), "{started}");
        assert_eq!((&started["logs"], &started["query"]), (&query["logs"], &leql));
        follow(&api, started).await;
    }
    let saved = json!({ "saved_query": { "logs": ["7"], "leql": leql } });
    let saved = api.json(201, Method::POST, "/query/saved_queries", saved).await;
    let saved = saved["saved_query"]["id"].as_str().unwrap();
    for path in [
        "/query/logs/7:8?query=where(error)&from=1&to=2".to_owned(),
        format!("/query/logs/7/{saved}"),
        format!("/query/saved_query/{saved}?time_range=today"),
    ] {
        follow(&api, serde_json::from_str(&api.text(202, Method::GET, &path, "").await).unwrap()).await;
    }
    assert_eq!(api.error(404, Method::GET, "/query/saved_query/none", "").await, "not_found");
    assert_eq!(api.error(404, Method::GET, "/query/none", "").await, "not_found");
    assert_eq!(api.error(400, Method::GET, "/query/logs/7?from=now", "").await, "bad_request");
    for body in ["", r#"{"logs": []}"#, r#"{"logs": ["7"], "leql": {}}"#] {
        assert_eq!(api.error(400, Method::POST, "/query/logs", body).await, "bad_request");
    }
}

#[tokio::test]
async fn calculations_are_answered_with_statistics() {
    let api = StandIn::start(&[]).await;
    let started = api.text(202, Method::GET, "/query/logs/7?query=calculate(count)&from=5&to=9", "").await;
    let started: Value = serde_json::from_str(&started).unwrap();
    let running = api.get(link(&started, "Self")).await;
    let statistics = &api.get(link(&running, "self")).await["statistics"];
    assert_eq!((&statistics["from"], &statistics["to"], &statistics["count"]), (&json!(5), &json!(9), &json!(60)));
}

#[tokio::test]
async fn live_tails_have_news_at_each_poll() {
    let api = StandIn::start(&[]).await;
    let by_post = api.json(202, Method::POST, "/query/live/logs", json!({ "logs": ["7"] })).await;
    let by_get = api.text(202, Method::GET, "/log_search/query/live/logs/7?query=where(error)", "").await;
    for started in [by_post, serde_json::from_str(&by_get).unwrap()] {
        let mut answer = started;
        for number in 1..=3 {
            answer = api.get(link(&answer, "Self")).await;
            assert_eq!(events(&answer), [number]);
        }
    }
    assert_eq!(api.error(404, Method::GET, "/query/live/none", "").await, "not_found");
}

#[tokio::test]
async fn usage_is_reported_by_day() {
    let api = StandIn::start(&[]).await;
    let leap_days = "?from=2016-02-28&to=2016-03-01";
    let days = ["2016-02-28", "2016-02-29", "2016-03-01"];
    for path in ["/usage/organizations", "/usage/accounts/acme", "/log_search/usage/organizations"] {
        let usage = api.get(&format!("{path}{leap_days}")).await;
        let daily = usage["daily_usage"].as_array().unwrap();
        assert_eq!(daily.iter().map(|day| day["day"].as_str().unwrap()).collect::<Vec<_>>(), days, "{path}");
        let sum: u64 = daily.iter().map(|day| day["usage"].as_u64().unwrap()).sum();
        assert_eq!(usage["period_usage"], sum);
        assert_eq!(usage["period"], json!({ "from": days[0], "to": days[2] }));
    }
    assert_eq!(api.get("/usage/organizations").await["daily_usage"].as_array().unwrap().len(), 10);
    let by_log = api.get(&format!("/usage/organizations/logs{leap_days}")).await;
    assert_eq!(by_log["per_day_usage"]["usage"][1]["interval"], days[1]);
    let of_log = api.get(&format!("/usage/organizations/logs/7{leap_days}")).await;
    assert_eq!((&of_log["usage"]["id"], &of_log["usage"]["daily_usage"][2]["day"]), (&json!("7"), &json!(days[2])));
    for period in ["from=yesterday", "from=2016-02-30", "from=2016-03-02&to=2016-03-01", "from=1016-01-01"] {
        assert_eq!(api.error(400, Method::GET, &format!("/usage/organizations?{period}"), "").await, "bad_request");
    }
}

#[tokio::test]
async fn downloads_are_streamed_as_lines() {
    let api = StandIn::start(&[]).await;
    let all = api.send(Method::GET, "/download/logs/7:8?from=1", "").await;
    assert!(!all.headers().contains_key("content-length"), "{all:?}");
    let all = String::from_utf8(all.into_body().collect().await.unwrap().to_bytes().into()).unwrap();
    assert_eq!(all.lines().count(), 1000);
    let some = api.text(200, Method::GET, "/log_search/download/logs/7?time_range=today&limit=2", "").await;
    assert_eq!(some, all.lines().take(2).map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(api.error(400, Method::GET, "/download/logs/7", "").await, "bad_request");
    let too_many = ["7"; 11].join(":");
    assert_eq!(api.error(400, Method::GET, &format!("/download/logs/{too_many}?from=1"), "").await, "bad_request");
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
    for path in [LOGS, USERS, "/log_search/query/live/logs/7", "/download/logs/7", "/nothing"] {
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
