//! `LogentriesAuthLayer::distinct_signatures`.

use std::collections::HashSet;

use axum::{Router, body::Body, routing::put};
use http::{Method, Request};
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{AuthError, LogentriesAuthLayer, replay::RejectReplaysLayer};

use crate::support::{
    LOGS, SIGNED_AT, USERS, at, hyper_client,
    inner::{RAPID7, pass, signature_error, to_rapid7},
    layer, layer_for, server,
    verifying::verifier,
};

/// The Content-Type that goes out with a request.
async fn sent_type(layer: &LogentriesAuthLayer, method: Method, path: &str, content_type: Option<&str>) -> String {
    let mut request = to_rapid7(method, path);
    if let Some(content_type) = content_type {
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
    }
    let sent = pass(layer, request).await.unwrap();
    if sent.headers().contains_key("authorization-api-key") {
        assert_eq!(signature_error(&sent, b""), None, "what is sent is what is signed");
    }
    sent.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn distinct() -> LogentriesAuthLayer {
    layer().distinct_signatures(true)
}

/// Splits off the nonce, which has to be 16 hexadecimal digits.
#[track_caller]
fn split_nonce(content_type: &str) -> (&str, &str) {
    let (rest, nonce) = content_type.rsplit_once("; nonce=").unwrap();
    assert!(nonce.len() == 16 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{content_type}");
    (rest, nonce)
}

#[tokio::test]
async fn nonce_defaults_to_off() {
    for layer in [layer(), distinct().distinct_signatures(false)] {
        assert_eq!(sent_type(&layer, Method::POST, USERS, None).await, "application/json");
    }
}

#[tokio::test]
async fn nonce_follows_the_content_type() {
    for content_type in ["application/json", "text/csv; charset=utf-8", "multipart/form-data; boundary=x"] {
        let sent = sent_type(&distinct(), Method::POST, USERS, Some(content_type)).await;
        assert_eq!(split_nonce(&sent).0, content_type);
    }
    let bare = distinct().default_content_type(None);
    assert_eq!(split_nonce(&sent_type(&bare, Method::POST, USERS, None).await).0, "application/octet-stream");
}

#[tokio::test]
async fn nonces_differ() {
    let layer = distinct();
    let mut seen = HashSet::new();
    for _ in 0..1_000 {
        let sent = sent_type(&layer.clone(), Method::POST, USERS, None).await;
        assert!(seen.insert(split_nonce(&sent).1.to_owned()), "{sent}");
    }
}

#[tokio::test]
async fn safe_methods_and_api_keys_get_none() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(sent_type(&distinct(), method, USERS, None).await, "application/json");
    }
    assert_eq!(sent_type(&distinct(), Method::POST, LOGS, Some("text/plain")).await, "text/plain");
}

#[tokio::test]
async fn content_types_that_cannot_be_signed_still_fail() {
    let mut request = Request::post(format!("{RAPID7}{USERS}")).body(Full::<bytes::Bytes>::default()).unwrap();
    request.headers_mut().insert("content-type", "".parse().unwrap());
    assert!(matches!(pass(&distinct(), request).await, Err(AuthError::InvalidContentType)));
}

/// A service behind a guard, all of whose clocks stand still. `fails` is asked before each answer.
async fn guarded(fails: impl Fn() -> bool + Clone + Send + Sync + 'static) -> String {
    let handler = move || {
        assert!(!fails(), "this request is never answered");
        async {}
    };
    let app = Router::new().route(USERS, put(handler.clone()).post(handler));
    server::serve(app.layer(RejectReplaysLayer::default()).layer(verifier())).await
}

#[tokio::test]
async fn equal_requests_of_one_second_pass_a_guard() {
    let origin = guarded(|| false).await;
    for (distinct, second_status) in [(false, 401), (true, 200)] {
        let layer = layer_for(&origin).clock(at(SIGNED_AT)).distinct_signatures(distinct);
        for expected in [200, second_status] {
            let request = Request::post(format!("{origin}{USERS}")).body(Body::from("a user")).unwrap();
            assert_eq!(layer.layer(hyper_client()).oneshot(request).await.unwrap().status(), expected);
        }
    }
}

/// The first attempt passes the guard and is never answered. The second is made in the same second.
#[tokio::test(start_paused = true)]
async fn retry_of_an_unanswered_attempt_passes_a_guard() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use bytes::Bytes;
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    use tower::{ServiceBuilder, retry::RetryLayer};
    use tower_logentries_auth::LogentriesRetryPolicy;

    for (distinct, expected) in [(false, 401), (true, 200)] {
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        let origin = guarded(move || count.fetch_add(1, Ordering::SeqCst) == 0).await;
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
            .layer(layer_for(&origin).clock(at(SIGNED_AT)).distinct_signatures(distinct))
            .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
        let request = Request::put(format!("{origin}{USERS}")).body(Full::from("a user")).unwrap();
        assert_eq!(client.oneshot(request).await.unwrap().status(), expected);
        assert_eq!(answered.load(Ordering::SeqCst), if distinct { 2 } else { 1 });
    }
}
