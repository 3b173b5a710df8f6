//! The same policy with reqwest's clients.

use axum::{body::Body, response::Response};
use futures_util::stream;
use http::Method;
use reqwest_middleware::ClientBuilder;
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer, util::BoxCloneService};
use tower_logentries_auth::{
    Access, AuthError, LogentriesAuthMiddleware, LogentriesRetryMiddleware, LogentriesRetryPolicy,
};

use super::answering;
use crate::support::{
    LOGS, USERS,
    clients::{AnyClient, builder},
    layer_for,
    log::Log,
    server::{record_and, refused_port},
};

/// A client with retries around the layer, and one with both as middleware.
fn clients(origin: &str, policy: &LogentriesRetryPolicy) -> [(&'static str, AnyClient); 2] {
    let http = builder().build().unwrap();
    let layered = ServiceBuilder::new()
        .layer(RetryLayer::new(policy.clone()))
        .layer(layer_for(origin))
        .service(http.clone())
        .map_err(Into::into);
    let middleware = ClientBuilder::new(http)
        .with(LogentriesRetryMiddleware::new(policy.clone()))
        .with(LogentriesAuthMiddleware::from(layer_for(origin)))
        .build()
        .map_err(Into::into);
    [("layers", BoxCloneService::new(layered)), ("middleware", BoxCloneService::new(middleware))]
}

fn request(method: Method, origin: &str, body: impl Into<reqwest::Body>) -> reqwest::Request {
    let mut request = reqwest::Request::new(method, format!("{origin}{USERS}").parse().unwrap());
    *request.body_mut() = Some(body.into());
    request
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_signed_afresh() {
    for at in 0..2 {
        let (origin, recording) = answering(&[(429, &[("retry-after", "20")]), (503, &[])]).await;
        let (way, mut client) = clients(&origin, &LogentriesRetryPolicy::new()).into_iter().nth(at).unwrap();
        let start = Instant::now();
        let response = client.call(request(Method::PUT, &origin, "a user")).await.unwrap();
        assert_eq!(response.status(), 200, "{way}");
        assert!(start.elapsed().as_secs() >= 20, "{way}");
        let received = recording.take();
        assert_eq!(received.len(), 3, "{way}");
        assert!(received.iter().all(|received| received.signature_error().is_none()), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn stream_is_not_retried_and_logged() {
    let (origin, recording) = record_and(|_| Response::builder().status(503).body(Body::empty()).unwrap()).await;
    for (way, mut client) in clients(&origin, &LogentriesRetryPolicy::new()) {
        let body = reqwest::Body::wrap_stream(stream::iter(["a ", "user"].map(Ok::<_, std::io::Error>)));
        let (response, log) = Log::of(async { client.call(request(Method::PUT, &origin, body)).await }).await;
        assert_eq!(response.unwrap().status(), 503, "{way}");
        assert_eq!(
            (&*recording.only().body, log.contains("request cannot be retried")),
            (&b"a user"[..], true),
            "{way}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refused_connection_is_retried_for_idempotent_methods() {
    let (origin, _held) = refused_port();
    for (method, retries) in [(Method::GET, 2), (Method::POST, 0)] {
        for (way, mut client) in clients(&origin, &LogentriesRetryPolicy::new()) {
            let (result, log) = Log::of(async { client.call(request(method.clone(), &origin, "a user")).await }).await;
            assert!(result.is_err());
            assert_eq!(log.matches("request will be retried").count(), retries, "{way}: {log}");
            let target = format!("request will be retried method={method} path=\"{USERS}\" origin={origin} retry=");
            assert_eq!(log.matches(&target).count(), retries, "{way}: {log}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_request_is_not_retried() {
    for (way, mut client) in clients("http://127.0.0.1:1", &LogentriesRetryPolicy::new()) {
        let (result, log) = Log::of(async { client.call(request(Method::GET, "https://example.com", "")).await }).await;
        let error = result.unwrap_err();
        assert!(matches!(crate::support::clients::auth_error(&error), AuthError::UntrustedOrigin { .. }), "{way}");
        assert!(!log.contains("request will be retried"), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn middleware_extensions_are_kept_for_each_attempt() {
    let (origin, recording) = answering(&[(503, &[])]).await;
    let client = ClientBuilder::new(builder().build().unwrap())
        .with(LogentriesRetryMiddleware::default())
        .with(LogentriesAuthMiddleware::from(layer_for(&origin)))
        .build();
    client.get(format!("{origin}{LOGS}")).with_extension(Access::Owner).send().await.unwrap();
    let [first, second] = recording.take().try_into().unwrap();
    assert_eq!((first.signature_error(), second.signature_error()), (None, None));
}
