//! Which statuses are worth another attempt, how many, and how long that waits.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;
use tower::retry::budget::TpsBudget;
use tower_logentries_auth::{Access, BodyDigest, LogentriesRetryPolicy};

use super::{Answers, ORIGIN, request, send};
use crate::support::layer_for;

const UNAVAILABLE: Answers = &[(503, &[])];
const ALWAYS_UNAVAILABLE: Answers = &[UNAVAILABLE[0]; 9];
const LIMITED: Answers = &[(429, &[])];

/// Sends a request; returns the last status, and how often it was sent.
async fn outcome(policy: LogentriesRetryPolicy, method: Method, answers: Answers) -> (u16, usize) {
    let (status, recording) = send(policy, layer_for(ORIGIN), answers, request(method, ORIGIN)).await;
    (status, recording.take().len())
}

#[tokio::test(start_paused = true)]
async fn only_idempotent_methods_are_retried() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"] {
        let method = method.parse().unwrap();
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method, UNAVAILABLE).await, (200, 2));
    }
    for method in [Method::POST, Method::PATCH] {
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method.clone(), UNAVAILABLE).await, (503, 1));
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method, LIMITED).await, (200, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_limited() {
    for (attempts, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let policy = LogentriesRetryPolicy::new().attempts(attempts);
        assert_eq!(outcome(policy, Method::GET, ALWAYS_UNAVAILABLE).await, (503, expected));
    }
    assert_eq!(outcome(LogentriesRetryPolicy::new(), Method::GET, ALWAYS_UNAVAILABLE).await, (503, 3));
}

#[tokio::test(start_paused = true)]
async fn custom_statuses_are_retried() {
    const GATEWAY: Answers = &[(502, &[])];
    let gateway = LogentriesRetryPolicy::new().statuses([StatusCode::BAD_GATEWAY]);
    assert_eq!(outcome(LogentriesRetryPolicy::new(), Method::GET, GATEWAY).await, (502, 1));
    assert_eq!(outcome(gateway.clone(), Method::GET, GATEWAY).await, (200, 2));
    assert_eq!(outcome(gateway.clone(), Method::POST, GATEWAY).await, (502, 1));
    assert_eq!(outcome(gateway.clone(), Method::GET, UNAVAILABLE).await, (503, 1));
    assert_eq!(outcome(gateway, Method::GET, LIMITED).await, (429, 1));
}

#[tokio::test(start_paused = true)]
async fn waits_double() {
    let start = Instant::now();
    outcome(LogentriesRetryPolicy::new().attempts(5), Method::GET, ALWAYS_UNAVAILABLE).await;
    let least = Duration::from_millis(100 + 200 + 400 + 800);
    assert!((least..=least * 2 + Duration::from_millis(5)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn methods_that_are_not_safe_wait_for_a_second() {
    for (method, answers) in [("PUT", UNAVAILABLE), ("DELETE", UNAVAILABLE), ("POST", LIMITED), ("PATCH", LIMITED)] {
        let start = Instant::now();
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method.parse().unwrap(), answers).await, (200, 2));
        let took = start.elapsed().as_millis();
        assert!((1010..=1101).contains(&took), "{method} {took}");
    }
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"] {
        let start = Instant::now();
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method.parse().unwrap(), UNAVAILABLE).await, (200, 2));
        assert!(start.elapsed().as_millis() <= 201, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn less_than_that_second_is_final() {
    for (max_wait, expected) in [(999, (503, 1)), (1000, (200, 2))] {
        let policy = LogentriesRetryPolicy::new().max_wait(Duration::from_millis(max_wait));
        assert_eq!(outcome(policy.clone(), Method::PUT, UNAVAILABLE).await, expected);
        assert_eq!(outcome(policy, Method::GET, UNAVAILABLE).await, (200, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn budget_is_shared_and_ends_the_retries() {
    // Two in the reserve, and nothing to earn.
    let policy = LogentriesRetryPolicy::new().attempts(2).budget(TpsBudget::new(Duration::from_secs(2), 1, 0.0));
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(outcome(policy.clone(), Method::GET, ALWAYS_UNAVAILABLE).await.1);
    }
    assert_eq!(sent, [2, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn successful_requests_earn_retries() {
    let policy = LogentriesRetryPolicy::new().attempts(2).budget(TpsBudget::new(Duration::from_secs(60), 0, 0.5));
    assert_eq!(outcome(policy.clone(), Method::GET, ALWAYS_UNAVAILABLE).await.1, 1);
    for _ in 0..2 {
        assert_eq!(outcome(policy.clone(), Method::GET, &[]).await, (200, 1));
    }
    assert_eq!(outcome(policy.clone(), Method::GET, ALWAYS_UNAVAILABLE).await.1, 2);
    assert_eq!(outcome(policy, Method::GET, ALWAYS_UNAVAILABLE).await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn extensions_are_kept_for_each_attempt() {
    let mut put = request(Method::PUT, ORIGIN);
    *put.uri_mut() = format!("{ORIGIN}/management/logs").parse().unwrap();
    put.extensions_mut().insert(Access::Owner);
    put.extensions_mut().insert(BodyDigest::of("a user"));
    // More than the layer may buffer: only the digest can have been signed.
    let layer = layer_for(ORIGIN).body_limit(0);
    let (status, recording) = send(LogentriesRetryPolicy::new(), layer, &[(503, &[]), (503, &[])], put).await;
    assert_eq!(status, 200);
    let received = recording.take();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|received| received.signature_error().is_none()));
}
