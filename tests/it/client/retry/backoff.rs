//! Which statuses are worth another attempt, how many, and how long that waits.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;
use tower::retry::budget::TpsBudget;
use tower_logentries_auth::{Access, BodyDigest, LogentriesRetryPolicy};

use super::{Headers, answering, request, send};
use crate::support::{LOGS, USERS, layer_for};

const UNAVAILABLE: (u16, Headers) = (503, &[]);
const BUSY: &[(u16, Headers)] = &[UNAVAILABLE; 9];

/// Sends a request to a server that answers so; returns the status, and how often the request was sent.
async fn outcome(policy: LogentriesRetryPolicy, method: Method, answers: &'static [(u16, Headers)]) -> (u16, usize) {
    let (origin, recording) = answering(answers).await;
    let status = send(policy, layer_for(&origin), request(method, format!("{origin}{USERS}"))).await;
    (status, recording.take().len())
}

#[tokio::test(start_paused = true)]
async fn only_idempotent_methods_are_retried() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method, &[(503, &[])]).await, (200, 2));
    }
    for method in [Method::POST, Method::PATCH] {
        assert_eq!(outcome(LogentriesRetryPolicy::new(), method, &[(503, &[])]).await, (503, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_limited() {
    for (attempts, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let policy = LogentriesRetryPolicy::new().attempts(attempts);
        assert_eq!(outcome(policy, Method::GET, BUSY).await, (503, expected));
    }
    assert_eq!(outcome(LogentriesRetryPolicy::new(), Method::GET, BUSY).await, (503, 3));
}

#[tokio::test(start_paused = true)]
async fn custom_statuses_are_retried() {
    const GATEWAY: &[(u16, Headers)] = &[(502, &[])];
    let gateway = LogentriesRetryPolicy::new().statuses([StatusCode::BAD_GATEWAY]);
    assert_eq!(outcome(LogentriesRetryPolicy::new(), Method::GET, GATEWAY).await, (502, 1));
    assert_eq!(outcome(gateway.clone(), Method::GET, GATEWAY).await, (200, 2));
    assert_eq!(outcome(gateway.clone(), Method::POST, GATEWAY).await, (502, 1));
    assert_eq!(outcome(gateway.clone(), Method::GET, &[(503, &[])]).await, (503, 1));
    assert_eq!(outcome(gateway, Method::GET, &[(429, &[])]).await, (429, 1));
}

#[tokio::test(start_paused = true)]
async fn waits_double() {
    let start = Instant::now();
    outcome(LogentriesRetryPolicy::new().attempts(5), Method::GET, BUSY).await;
    let least = Duration::from_millis(100 + 200 + 400 + 800);
    assert!((least..=least * 2 + Duration::from_millis(5)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn budget_is_shared_and_ends_the_retries() {
    // Two in the reserve, and nothing to earn.
    let policy = LogentriesRetryPolicy::new().attempts(2).budget(TpsBudget::new(Duration::from_secs(2), 1, 0.0));
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(outcome(policy.clone(), Method::GET, BUSY).await.1);
    }
    assert_eq!(sent, [2, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn successful_requests_earn_retries() {
    let policy = LogentriesRetryPolicy::new().attempts(2).budget(TpsBudget::new(Duration::from_secs(60), 0, 0.5));
    assert_eq!(outcome(policy.clone(), Method::GET, BUSY).await.1, 1);
    for _ in 0..2 {
        assert_eq!(outcome(policy.clone(), Method::GET, &[]).await, (200, 1));
    }
    assert_eq!(outcome(policy.clone(), Method::GET, BUSY).await.1, 2);
    assert_eq!(outcome(policy, Method::GET, BUSY).await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn extensions_are_kept_for_each_attempt() {
    let (origin, recording) = answering(&[(503, &[]), (503, &[])]).await;
    let mut put = request(Method::PUT, format!("{origin}{LOGS}"));
    put.extensions_mut().insert(Access::Owner);
    put.extensions_mut().insert(BodyDigest::of("a user"));
    // More than the layer may buffer: only the digest can have been signed.
    assert_eq!(send(LogentriesRetryPolicy::new(), layer_for(&origin).body_limit(0), put).await, 200);
    let received = recording.take();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|received| received.signature_error().is_none()));
}
