//! `RejectReplaysLayer::check_safe_methods`.

use http_body::Body as _;
use tower_logentries_auth::replay::RejectReplaysLayer;

use super::{outcome, send};
use crate::support::{
    SIGNED_AT,
    clock::ManualClock,
    verifying::{METHODS, TestRequest},
};

#[tokio::test]
async fn safe_methods_are_checked_if_set() {
    for (checked, free) in [(false, &["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"][..]), (true, &[])] {
        let (replays, clock) = (RejectReplaysLayer::default().check_safe_methods(checked), ManualClock::at(SIGNED_AT));
        for method in METHODS {
            let request = || TestRequest { method, body: b"", ..TestRequest::CREATE }.request();
            assert_eq!(outcome(send(&replays, &clock, request()).await).await, None, "{method}");
            let second = outcome(send(&replays, &clock, request()).await).await;
            let expected = (!free.contains(&method)).then_some("replayed");
            assert_eq!(second, expected, "{method}");
        }
    }
}

#[tokio::test]
async fn response_to_head_has_no_body() {
    let (replays, clock) = (RejectReplaysLayer::default().check_safe_methods(true), ManualClock::at(SIGNED_AT));
    let request = || TestRequest { method: "HEAD", ..TestRequest::LIST }.request();
    assert_eq!(outcome(send(&replays, &clock, request()).await).await, None);
    let response = send(&replays, &clock, request()).await;
    assert_eq!(response.status(), 401);
    assert!(response.body().is_end_stream());
    assert_ne!(response.headers()["content-length"], "0");
}
