//! `LogentriesRetryPolicy` over real sockets. tokio's clock is paused: waits take no time, and are measured exactly.

mod backoff;
mod connections;
mod reqwest_clients;
mod retry_after;
mod skew;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesRetryPolicy};

use crate::support::server::{Recording, record_and};

type Headers = &'static [(&'static str, &'static str)];

/// Starts a server that gives these answers one after the other, and 200 to all that follow.
async fn answering(answers: &'static [(u16, Headers)]) -> (String, Recording) {
    let count = Arc::new(AtomicUsize::new(0));
    record_and(move |_| {
        let (status, headers) = answers.get(count.fetch_add(1, Ordering::SeqCst)).unwrap_or(&(200, &[]));
        let response = Response::builder().status(*status);
        let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(Body::empty()).unwrap()
    })
    .await
}

fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn http2() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

fn request(method: Method, url: String) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(url).body(Full::from("a user")).unwrap()
}

/// Sends a request under this policy; returns the status of the response.
async fn send(policy: LogentriesRetryPolicy, layer: LogentriesAuthLayer, request: Request<Full<Bytes>>) -> u16 {
    let client = ServiceBuilder::new().layer(RetryLayer::new(policy)).layer(layer).service(http());
    client.oneshot(request).await.unwrap().status().as_u16()
}
