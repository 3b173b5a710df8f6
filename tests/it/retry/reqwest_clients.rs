//! The same policy with reqwest's clients, over sockets: a layer around the client, and middleware of reqwest-middleware.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use futures_util::{future::join_all, stream};
use http::{Extensions, Method};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{
    Access, AuthError, LogentriesAuthMiddleware, LogentriesRetryMiddleware, LogentriesRetryPolicy,
};

use super::{Counting, Outcome, answering, assert_failed, assert_passed};
use crate::support::{
    LOGS, USERS,
    clients::{auth_error, builder},
    layer_for,
    log::Log,
    raw::{Fault, fails_once},
    server::{record_and, refused_port},
};

/// How a client gets the policy and the signing layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Layers,
    Middleware,
}

pub(super) const WAYS: [Way; 2] = [Way::Layers, Way::Middleware];

/// Counts the requests that pass it.
struct CountingMiddleware(Arc<AtomicUsize>);

#[async_trait::async_trait]
impl Middleware for CountingMiddleware {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        self.0.fetch_add(1, Ordering::SeqCst);
        next.run(request, extensions).await
    }
}

/// Sends a request with the default policy around the signing layer and a client.
pub(super) async fn attempts(way: Way, http: reqwest::Client, origin: &str, request: reqwest::Request) -> Outcome {
    let attempts = Arc::new(AtomicUsize::new(0));
    let (policy, layer) = (LogentriesRetryPolicy::new(), layer_for(origin));
    let result = match way {
        Way::Layers => {
            let client = Counting { attempts: Arc::clone(&attempts), client: http };
            ServiceBuilder::new()
                .layer(RetryLayer::new(policy))
                .service(layer.layer(client))
                .oneshot(request)
                .await
                .map_err(Into::into)
        }
        Way::Middleware => {
            let client = ClientBuilder::new(http)
                .with(LogentriesRetryMiddleware::new(policy))
                .with(LogentriesAuthMiddleware::from(layer))
                .with(CountingMiddleware(Arc::clone(&attempts)))
                .build();
            client.execute(request).await.map_err(Into::into)
        }
    };
    (result.map(|response| response.status()), attempts.load(Ordering::SeqCst))
}

/// A signed request.
pub(super) fn request(method: Method, origin: &str, body: impl Into<reqwest::Body>) -> reqwest::Request {
    let mut request = reqwest::Request::new(method, format!("{origin}{USERS}").parse().unwrap());
    *request.body_mut() = Some(body.into());
    request
}

fn http() -> reqwest::Client {
    builder().build().unwrap()
}

#[tokio::test]
async fn each_attempt_is_signed_afresh() {
    let sent = WAYS.map(|way| async move {
        let (origin, recording) = answering(&[(429, &[("retry-after", "1")]), (503, &[])]).await;
        let start = Instant::now();
        assert_passed(attempts(way, http(), &origin, request(Method::PUT, &origin, "a user")).await, 3);
        assert!(start.elapsed() >= Duration::from_secs(2), "{way:?}");
        let received = recording.take();
        assert!(received.iter().all(|received| received.signature_error().is_none()), "{way:?}");
        let dates: std::collections::HashSet<_> = received.iter().map(|received| received.header("date")).collect();
        assert_eq!(dates.len(), 3, "{way:?} {dates:?}");
    });
    join_all(sent).await;
}

#[tokio::test]
async fn stream_is_not_retried_and_logged() {
    let (origin, recording) = record_and(|_| Response::builder().status(503).body(Body::empty()).unwrap()).await;
    for way in WAYS {
        let body = reqwest::Body::wrap_stream(stream::iter(["a ", "user"].map(Ok::<_, std::io::Error>)));
        let sending = attempts(way, http(), &origin, request(Method::PUT, &origin, body));
        let ((result, sent), log) = Log::of(sending).await;
        assert_eq!((result.unwrap().as_u16(), sent), (503, 1), "{way:?}");
        assert_eq!(recording.only().body, "a user");
        assert!(log.contains("its body is a stream"), "{way:?}");
    }
}

#[tokio::test]
async fn refused_connection_is_retried_for_idempotent_methods() {
    let (origin, _held) = refused_port();
    for (method, expected) in [(Method::GET, 3), (Method::POST, 1)] {
        for way in WAYS {
            let sending = attempts(way, http(), &origin, request(method.clone(), &origin, "a user"));
            let (outcome, log) = Log::of(sending).await;
            assert_failed(outcome, expected);
            let event = format!("request will be retried method={method} path=\"{USERS}\" origin={origin} retry=");
            assert_eq!(log.matches(&event).count(), expected - 1, "{way:?}: {log}");
        }
    }
}

#[tokio::test]
async fn connection_closed_before_the_response_is_retried_for_idempotent_methods() {
    for way in WAYS {
        let (origin, _) = fails_once(Fault::Close).await;
        assert_passed(attempts(way, http(), &origin, request(Method::GET, &origin, "a user")).await, 2);
        let (origin, _) = fails_once(Fault::Close).await;
        assert_failed(attempts(way, http(), &origin, request(Method::POST, &origin, "a user")).await, 1);
    }
}

#[tokio::test]
async fn timeout_of_reqwest_is_retried_for_idempotent_methods() {
    let sent = WAYS.map(|way| async move {
        let outcome = async |method| {
            let (origin, _) = fails_once(Fault::Silence).await;
            let mut request = request(method, &origin, "a user");
            *request.timeout_mut() = Some(Duration::from_millis(700));
            attempts(way, http(), &origin, request).await
        };
        let (get, post) = tokio::join!(outcome(Method::GET), outcome(Method::POST));
        assert_passed(get, 2);
        assert_failed(post, 1);
    });
    join_all(sent).await;
}

#[tokio::test]
async fn request_that_is_not_sent_is_final() {
    for way in WAYS {
        let elsewhere = request(Method::GET, "https://example.com", "");
        let error = assert_failed(attempts(way, http(), "http://127.0.0.1:1", elsewhere).await, 0);
        assert!(matches!(auth_error(&error), AuthError::UntrustedOrigin { .. }), "{way:?}");
    }
}

/// Without a signing layer, which would refuse it: reqwest cannot build such a request.
#[tokio::test]
async fn unknown_scheme_is_final() {
    let request = reqwest::Request::new(Method::GET, "gopher://127.0.0.1:1".parse().unwrap());
    let attempts = Arc::new(AtomicUsize::new(0));
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .map_err(BoxError::from)
        .service(Counting { attempts: Arc::clone(&attempts), client: http() });
    let error = client.oneshot(request).await.unwrap_err();
    assert!(error.downcast_ref().is_some_and(reqwest::Error::is_builder), "{error:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn middleware_extensions_are_kept_for_each_attempt() {
    let (origin, recording) = answering(&[(503, &[])]).await;
    let client = ClientBuilder::new(http())
        .with(LogentriesRetryMiddleware::default())
        .with(LogentriesAuthMiddleware::from(layer_for(&origin)))
        .build();
    client.get(format!("{origin}{LOGS}")).with_extension(Access::Owner).send().await.unwrap();
    let [first, second] = recording.take().try_into().unwrap();
    assert_eq!((first.signature_error(), second.signature_error()), (None, None));
}
