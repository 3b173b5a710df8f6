//! The example of that name, run as a user runs it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{body::Body, response::Response};
use serde_json::{Value, json};

use crate::support::{
    READ_ONLY_KEY, child,
    server::{Received, Recording, record, record_and},
};

/// Starts a server that gives these answers one after the other, and the last one for ever.
async fn script(
    answers: impl Fn(&Received) -> Vec<(u16, Value)> + Clone + Send + Sync + 'static,
) -> (String, Recording) {
    let count = Arc::new(AtomicUsize::new(0));
    record_and(move |received| {
        let mut answers = answers(received);
        let (status, answer) = answers.swap_remove(count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1));
        let response = Response::builder().status(status).header("retry-after", "0");
        response.body(Body::from(answer.to_string())).unwrap()
    })
    .await
}

fn event(number: u64) -> Value {
    json!({ "timestamp": 1_503_000_984_000 + number, "message": format!("event {number}") })
}

#[tokio::test]
async fn embedded_stand_in_answers_over_two_hosts_and_limits_the_rate() {
    let ran = child::run("query_logs", &[]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let numbers: Vec<_> = ran.stdout.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
    let expected: Vec<_> = (1..=60).map(|number| format!("{number}:")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn links_are_followed_by_their_relation_until_there_is_none() {
    let answers = |received: &Received| {
        let link = |rel: &str, path: &str| json!({ "rel": rel, "href": format!("http://{}{path}", received.header("host").unwrap()) });
        vec![
            (202, json!({ "progress": 0, "links": [link("Context", "/no"), link("SELF", "/log_search/query/1")] })),
            (429, json!({ "errorCode": "too_many_requests", "message": "" })),
            (
                200,
                json!({ "progress": 50, "events": [event(9)], "links": [link("next", "/no"), link("self", "/query/2")] }),
            ),
            (200, json!({ "events": [event(1), event(2)], "links": [link("NEXT", "/query/3?a=b")] })),
            (200, json!({ "events": [event(3)], "statistics": { "count": 3 } })),
        ]
    };
    let (origin, recording) = script(answers).await;
    let arguments = ["--url", &origin, "--log", "7", "--log", "8", "--leql", "where(error)", "--during", "today"];
    let ran = child::run("query_logs", &arguments).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let printed = "2017-08-17T20:16:24.001Z event 1\n2017-08-17T20:16:24.002Z event 2\n\
                   2017-08-17T20:16:24.003Z event 3\n{\n  \"count\": 3\n}\n";
    assert_eq!(ran.stdout, printed);

    let received = recording.take();
    let requests: Vec<_> = received.iter().map(|received| format!("{} {}", received.method, received.target)).collect();
    let polls = ["GET /log_search/query/1", "GET /log_search/query/1", "GET /query/2", "GET /query/3?a=b"];
    assert_eq!(requests, [&["POST /query/logs"][..], &polls].concat());
    let query: Value = serde_json::from_slice(&received[0].body).unwrap();
    let leql = json!({ "statement": "where(error)", "during": { "time_range": "today" } });
    assert_eq!(query, json!({ "logs": ["7", "8"], "leql": leql }));
    for received in received {
        assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY));
    }
}

#[tokio::test]
async fn link_to_a_foreign_host_gets_no_key() {
    let (foreign, unreached) = record().await;
    let link = json!([{ "rel": "Self", "href": format!("{foreign}/query/1") }]);
    let (origin, _) = script(move |_| vec![(202, json!({ "links": link }))]).await;
    let ran = child::run("query_logs", &["--url", &origin, "--log", "7"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&foreign), "{ran:?}");
    assert!(unreached.take().is_empty());
}

#[tokio::test]
async fn answer_that_is_no_success_is_printed() {
    let (origin, _) = script(|_| vec![(400, json!({ "errorCode": "bad_leql" }))]).await;
    let ran = child::run("query_logs", &["--url", &origin, "--log", "7"]).await;
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("400 Bad Request") && ran.stderr.contains("bad_leql"), "{ran:?}");
}
