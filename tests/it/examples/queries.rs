//! What the example `stand_in` answers to queries, live tails, usage and downloads.

use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::stand_in::{StandIn, link};
use crate::support::LOGS;

fn events(answer: &Value) -> Vec<u64> {
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("{answer}"));
    events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect()
}

/// Follows a query to its end.
async fn follow(api: &StandIn, started: Value) {
    assert_eq!(started["progress"], 0);
    let running = api.get(link(&started, "Self")).await;
    assert_eq!((&running["progress"], &running["events"]), (&json!(50), &json!([])));
    let first = api.get(link(&running, "Self")).await;
    assert_eq!(events(&first), (1..=50).collect::<Vec<_>>());
    let last = api.get(link(&first, "Next")).await;
    assert_eq!((events(&last), last.get("links")), ((51..=60).collect(), None));
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
        assert_eq!((&started["logs"], &started["leql"]), (&query["logs"], &leql));
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
    let done = api.get(link(&running, "Self")).await;
    let statistics = &done["statistics"];
    assert!(done.get("events").is_none() && done.get("links").is_none(), "{done}");
    assert_eq!((&statistics["from"], &statistics["to"], &statistics["count"]), (&json!(5), &json!(9), &json!(60)));
}

#[tokio::test]
async fn groups_are_answered_with_statistics_of_each() {
    let api = StandIn::start(&[]).await;
    let started = api.text(202, Method::GET, "/query/logs/7?query=groupby(status)&from=5&to=9", "").await;
    let running = api.get(link(&serde_json::from_str(&started).unwrap(), "Self")).await;
    let statistics = &api.get(link(&running, "Self")).await["statistics"];
    // Clients look for groups where there is no time series.
    assert_eq!((&statistics["groups"], &statistics["timeseries"]), (&json!([{ "200": { "count": 60 } }]), &json!({})));
}

#[tokio::test]
async fn messages_of_events_are_json() {
    let api = StandIn::start(&[]).await;
    let started = api.text(202, Method::GET, "/query/logs/7?per_page=500", "").await;
    let running = api.get(link(&serde_json::from_str(&started).unwrap(), "Self")).await;
    let done = api.get(link(&running, "Self")).await;
    assert_eq!(events(&done), (1..=60).collect::<Vec<_>>(), "as many on a page as were asked for");
    for event in done["events"].as_array().unwrap() {
        let message: Value = serde_json::from_str(event["message"].as_str().unwrap()).unwrap();
        assert_eq!(message["status"], 200);
    }
}

#[tokio::test]
async fn queries_on_log_sets_and_contexts_find_their_logs() {
    let api = StandIn::start(&[]).await;
    let web = api.get(LOGS).await["logs"][0]["id"].clone();
    let servers = api.get("/management/logsets").await["logsets"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/query/logsets?logset_name=Servers&logset_name=Servers&query=where(a)&from=1&to=2".to_owned(),
        format!("/query/logsets/{servers}?time_range=today"),
        format!("/query/context/17?log_keys={}&timestamp=5&context_type=SURROUND", web.as_str().unwrap()),
        format!("/audit/logs/{}", web.as_str().unwrap()),
    ] {
        let started: Value = serde_json::from_str(&api.text(202, Method::GET, &path, "").await).unwrap();
        assert_eq!(started["logs"], json!([web]), "{path}");
        follow(&api, started).await;
    }
    for path in ["/query/logsets?logset_name=none", "/query/logsets/none"] {
        assert_eq!(api.error(404, Method::GET, path, "").await, "not_found");
    }
    assert_eq!(api.error(400, Method::GET, "/query/logsets", "").await, "bad_request");
}

#[tokio::test]
async fn live_tails_have_news_at_each_poll() {
    let api = StandIn::start(&[]).await;
    let by_post = api.json(200, Method::POST, "/query/live/logs", json!({ "logs": ["7"] })).await;
    let by_get = api.text(200, Method::GET, "/log_search/query/live/logs/7?query=where(error)", "").await;
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
