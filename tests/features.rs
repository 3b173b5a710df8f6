//! What the crate does without features, and what each one adds. `.ci/run` runs this with none of them and with all.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer, LogentriesVerifyLayer};

const USERS: &str = "/management/accounts/7/users";

fn credentials() -> Credentials {
    Credentials::owner("key-id", "owner-key").unwrap()
}

/// Serves this router on a port of its own; returns its origin, and a layer that trusts it.
async fn serve(app: Router) -> (String, LogentriesAuthLayer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    let layer = LogentriesAuthLayer::new(credentials()).trust_origin(&origin).unwrap();
    (origin, layer)
}

/// A server that answers 200 to what is well signed.
async fn serve_verified() -> (String, LogentriesAuthLayer) {
    serve(Router::new().fallback(|| async {}).layer(LogentriesVerifyLayer::new(credentials()))).await
}

fn post(origin: &str) -> Request<Body> {
    Request::post(format!("{origin}{USERS}")).body(Body::from("a user")).unwrap()
}

async fn status(layer: LogentriesAuthLayer, request: Request<Body>) -> StatusCode {
    let client = Client::builder(TokioExecutor::new()).build_http();
    layer.layer(client).oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn signed_request_passes_with_any_features() {
    let (origin, layer) = serve_verified().await;
    assert_eq!(status(layer.clone(), post(&origin)).await, 200);
    let handle = layer.credentials_handle();
    handle.replace(Credentials::owner("key-id", "another-key").unwrap());
    assert_eq!(status(layer, post(&origin)).await, 401);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_handlers_extract_who_authenticated() {
    use axum::routing::get;
    use tower_logentries_auth::{Access, Identity};

    let handler = |identity: Identity| async move {
        assert_eq!((identity.access, identity.key_id.as_deref()), (Access::Owner, Some("key-id")));
    };
    let inner = Router::new().route("/accounts/{id}/users", get(handler));
    let layer = LogentriesVerifyLayer::new(credentials());
    let (origin, sign) = serve(Router::new().nest("/management", inner.layer(layer))).await;
    let request = Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap();
    assert_eq!(status(sign, request).await, 200);
}

#[cfg(feature = "cache")]
#[tokio::test]
async fn cached_store_answers_again() {
    use tower_logentries_auth::server::CachedKeyStore;

    let layer = LogentriesVerifyLayer::new(CachedKeyStore::new(credentials()));
    let (origin, sign) = serve(Router::new().fallback(|| async {}).layer(layer)).await;
    for _ in 0..2 {
        assert_eq!(status(sign.clone(), post(&origin)).await, 200);
    }
}

#[cfg(feature = "drain")]
#[tokio::test]
async fn rejected_body_is_read_to_its_end() {
    use std::time::Duration;

    let layer =
        LogentriesVerifyLayer::new(credentials()).drain_rejected(1 << 24).drain_timeout(Duration::from_secs(60));
    let (origin, _) = serve(Router::new().fallback(|| async {}).layer(layer)).await;
    let request = Request::post(format!("{origin}{USERS}")).body(Body::from(vec![7; 1 << 23])).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    assert_eq!(client.request(request).await.unwrap().status(), 401);
}

#[cfg(feature = "explain")]
#[tokio::test]
async fn mistakes_of_a_signature_are_named() {
    use tower_logentries_auth::server::Explain;

    let layer = LogentriesVerifyLayer::new(credentials()).explain_rejections(Explain::Response);
    let (origin, sign) = serve(Router::new().fallback(|| async {}).layer(layer)).await;
    let another_type = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
        request.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
        request
    });
    let client = sign.layer(another_type.layer(Client::builder(TokioExecutor::new()).build_http()));
    let response = client.oneshot(post(&origin)).await.unwrap();
    assert_eq!(response.status(), 401);
    let body = axum::body::to_bytes(Body::new(response.into_body()), 16 * 1024).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(body["mistakes"].as_array().is_some_and(|mistakes| !mistakes.is_empty()), "{body}");
}

#[cfg(feature = "reqwest")]
fn reqwest_builder() -> reqwest::ClientBuilder {
    // reqwest asks for a provider even where it will speak plain http. The first test to come installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn reqwest_client_is_wrapped() {
    let (origin, layer) = serve_verified().await;
    let client = reqwest_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.post(format!("{origin}{USERS}")).body("a user").build().unwrap();
    assert_eq!(layer.layer(client).oneshot(request).await.unwrap().status(), 200);
}

#[cfg(feature = "reqwest-middleware")]
#[tokio::test]
async fn reqwest_middleware_signs() {
    use reqwest_middleware::ClientBuilder;
    use tower_logentries_auth::LogentriesAuthMiddleware;

    let (origin, layer) = serve_verified().await;
    let client = reqwest_builder().build().unwrap();
    let client = ClientBuilder::new(client).with(LogentriesAuthMiddleware::from(layer)).build();
    assert_eq!(client.post(format!("{origin}{USERS}")).body("a user").send().await.unwrap().status(), 200);
}

#[cfg(feature = "retry")]
#[tokio::test]
async fn request_is_retried_with_a_corrected_clock() {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use http_body_util::Full;
    use tower::{ServiceBuilder, retry::RetryLayer};
    use tower_logentries_auth::LogentriesRetryPolicy;

    let (origin, layer) = serve_verified().await;
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(layer.clock(|| SystemTime::now() - Duration::from_secs(3600)))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let request = Request::post(format!("{origin}{USERS}")).body(Full::from("a user")).unwrap();
    assert_eq!(client.oneshot(request).await.unwrap().status(), 200);
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn events_name_the_request() {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // For all threads: tracing remembers for a whole process whether anyone listens, and may ask a thread on which nobody does,
    // or may have asked one just before.
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .init();
    tracing::callsite::rebuild_interest_cache();
    let (origin, layer) = serve_verified().await;
    let path = "/management/accounts/only-here/users";
    let request = Request::post(format!("{origin}{path}")).body(Body::from("a user")).unwrap();
    assert_eq!(status(layer, request).await, 200);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.lines().any(|line| line.contains("sending signed request") && line.contains(path)), "{log}");
    assert!(!log.contains("owner-key"), "{log}");
}
