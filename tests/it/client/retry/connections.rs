//! Connections that fail, and errors that another attempt would not change.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{AuthError, LogentriesRetryPolicy};

use super::{http, request};
use crate::support::{USERS, layer_for, server::refused_port, tls};

type Attempts = Arc<AtomicUsize>;

/// Sends a request with a client, below the layers; returns what came of it, and how often it was sent.
async fn send<S, B>(client: S, origin: &str, request: Request<B>) -> (Result<StatusCode, AuthError>, usize)
where
    S: Service<Request<B>, Response = http::Response<hyper::body::Incoming>, Error: Into<BoxError>> + Clone,
    B: http_body::Body<Error: Into<BoxError>> + From<Bytes> + Clone,
{
    let attempts = Attempts::default();
    let counted = Arc::clone(&attempts);
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(layer_for(origin))
        .map_request(move |request: Request<B>| {
            counted.fetch_add(1, Ordering::SeqCst);
            request
        })
        .service(client);
    let result = client.oneshot(request).await.map(|response| response.status());
    (result, attempts.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn refused_connection_is_retried_for_idempotent_methods() {
    let (origin, _held) = refused_port();
    for (method, expected) in [(Method::GET, 3), (Method::PUT, 3), (Method::POST, 1)] {
        let (result, sent) = send(http(), &origin, request(method, format!("{origin}{USERS}"))).await;
        assert!(matches!(result, Err(AuthError::Service { .. })), "{result:?}");
        assert_eq!(sent, expected);
    }
}

/// Starts a server that hangs up on its first connections once a request has come, and serves the next.
async fn hanging_up(times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for _ in 0..times {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
        }
        axum::serve(listener, Router::new().fallback(async || {})).await
    });
    origin
}

#[tokio::test(start_paused = true)]
async fn closed_connection_is_retried() {
    let origin = hanging_up(2).await;
    let (result, sent) = send(http(), &origin, request(Method::GET, format!("{origin}{USERS}"))).await;
    assert_eq!((result.unwrap(), sent), (StatusCode::OK, 3));
    let origin = hanging_up(1).await;
    let (result, sent) = send(http(), &origin, request(Method::POST, format!("{origin}{USERS}"))).await;
    assert!(result.is_err());
    assert_eq!(sent, 1);
}

#[tokio::test(start_paused = true)]
async fn untrusted_certificate_is_not_retried() {
    let (origin, _) = tls::serve(Router::new()).await;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls::trusting(None)).https_only().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(https);
    let (result, sent) = send(client, &origin, request(Method::GET, format!("{origin}{USERS}"))).await;
    assert!(result.is_err());
    assert_eq!(sent, 1);
}

#[tokio::test(start_paused = true)]
async fn unsent_request_is_not_retried() {
    let elsewhere = request(Method::GET, format!("https://example.com{USERS}"));
    let (result, sent) = send(http(), "http://127.0.0.1:1", elsewhere).await;
    assert!(matches!(result, Err(AuthError::UntrustedOrigin { .. })), "{result:?}");
    assert_eq!(sent, 0);
}

/// A body that cannot be read.
#[derive(Debug, Clone)]
struct Unreadable;

impl http_body::Body for Unreadable {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        std::task::Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::PermissionDenied))))
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_body_is_not_retried() {
    let (origin, recording) = crate::support::server::record().await;
    let attempts = Attempts::default();
    let counted = Arc::clone(&attempts);
    let layer = layer_for(&origin).rebuild_body(|_| unreachable!("the body cannot be read"));
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .map_request(move |request: Request<Unreadable>| {
            counted.fetch_add(1, Ordering::SeqCst);
            request
        })
        .timeout(Duration::from_secs(60))
        .layer(layer)
        .map_request(|request: Request<Unreadable>| request.map(BodyExt::boxed))
        .service(Client::builder(TokioExecutor::new()).build_http());
    let error = client.oneshot(Request::put(format!("{origin}{USERS}")).body(Unreadable).unwrap()).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(AuthError::ReadBody { .. })), "{error:?}");
    assert_eq!((attempts.load(Ordering::SeqCst), recording.take().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn timed_out_attempt_is_retried() {
    let came = Attempts::default();
    let counted = Arc::clone(&came);
    let app = Router::new().fallback(move || async move {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            std::future::pending::<()>().await;
        }
    });
    let origin = crate::support::server::serve(app).await;
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .timeout(Duration::from_secs(10))
        .layer(layer_for(&origin))
        .service(http());
    let response = client.oneshot(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
    assert_eq!((response.status(), came.load(Ordering::SeqCst)), (StatusCode::OK, 2));
}
