//! The retry policy: a test for each row of its table. Waits are measured on tokio's paused clock, where there are no
//! sockets; connections fail on real ones.

mod backoff;
mod clock_corrections;
mod connections;
mod errors;
mod http2;
mod proxies;
mod redirects;
mod replays;
mod reqwest_clients;
mod retry_after;
mod tls;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesRetryPolicy};

use crate::support::{
    USERS, layer_for,
    server::{Recording, record_and},
};

/// Where requests go that reach no socket.
const ORIGIN: &str = "http://localhost";

type Headers = &'static [(&'static str, &'static str)];
type Answers = &'static [(u16, Headers)];

/// Gives these answers one after the other, and 200 to all that follow.
fn in_turn(answers: Answers) -> impl Fn() -> Response + Clone + Send + Sync + 'static {
    let count = Arc::new(AtomicUsize::new(0));
    move || {
        let (status, headers) = answers.get(count.fetch_add(1, Ordering::SeqCst)).unwrap_or(&(200, &[]));
        let response = Response::builder().status(*status);
        let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(Body::empty()).unwrap()
    }
}

/// Starts a server that gives these answers.
async fn answering(answers: Answers) -> (String, Recording) {
    let answer = in_turn(answers);
    record_and(move |_| answer()).await
}

/// Sends a request to a service that gives these answers; returns the last status, and what was sent.
async fn send(
    policy: LogentriesRetryPolicy,
    layer: LogentriesAuthLayer,
    answers: Answers,
    request: Request<Full<Bytes>>,
) -> (u16, Recording) {
    let (answer, recording) = (in_turn(answers), Recording::default());
    let kept = recording.clone();
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let (answer, kept) = (answer.clone(), kept.clone());
        async move {
            kept.keep(request.map(Body::new)).await;
            Ok::<_, Infallible>(answer())
        }
    });
    let client = ServiceBuilder::new().layer(RetryLayer::new(policy)).layer(layer).service(service);
    (client.oneshot(request).await.unwrap().status().as_u16(), recording)
}

/// A signed request.
fn request(method: Method, origin: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("{origin}{USERS}")).body(Full::from("a user")).unwrap()
}

/// What came of a request, and how often it was sent.
type Outcome = (Result<StatusCode, BoxError>, usize);

/// Sends a request with the default policy and this layer around a client.
async fn attempts_with<L, S, B, T>(layer: L, client: S, request: Request<B>) -> Outcome
where
    S: Service<Request<B>, Response = http::Response<T>, Error: Into<BoxError>> + Clone,
    L: Layer<Counting<S>, Service: Service<Request<B>, Response = http::Response<T>, Error: Into<BoxError>> + Clone>,
    B: Clone,
{
    let attempts = Arc::new(AtomicUsize::new(0));
    let inner = layer.layer(Counting { attempts: Arc::clone(&attempts), client });
    let client = RetryLayer::new(LogentriesRetryPolicy::new()).layer(inner.map_err(Into::<BoxError>::into));
    let result = client.oneshot(request).await.map(|response| response.status());
    (result, attempts.load(Ordering::SeqCst))
}

/// Sends a request with the default policy around the signing layer and a client.
async fn attempts<S, T>(client: S, origin: &str, request: Request<Full<Bytes>>) -> Outcome
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<T>, Error: Into<BoxError>> + Clone,
{
    attempts_with(layer_for(origin), client, request).await
}

/// Counts the requests to a client.
#[derive(Debug, Clone)]
struct Counting<S> {
    attempts: Arc<AtomicUsize>,
    client: S,
}

impl<Req, S: Service<Req>> Service<Req> for Counting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        self.client.call(request)
    }
}

#[track_caller]
fn assert_passed((result, sent): Outcome, attempts: usize) {
    assert_eq!((result.unwrap(), sent), (StatusCode::OK, attempts));
}

/// Asserts that the request failed with an error, after this many attempts; returns the error.
#[track_caller]
fn assert_failed((result, sent): Outcome, attempts: usize) -> BoxError {
    let error = result.unwrap_err();
    assert_eq!(sent, attempts, "{error:?}");
    error
}

fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn http2() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}
