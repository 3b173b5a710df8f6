//! A process that serves, and requests to it.

use std::{convert::Infallible, net::TcpStream as BlockingTcpStream, process::ExitStatus};

use axum::body::{Body, to_bytes};
use http::{Request, Response, StatusCode, Uri, header::CONTENT_LENGTH, request::Builder};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    task::yield_now,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

use super::{http_client, with_timeout};

pub(crate) const LOGS: &str = "/management/logs";

pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        text(with_timeout(http_client().request(request)).await.unwrap()).await
    }

    /// Sends a GET with an API key.
    pub(crate) async fn get_with(&self, path: &str, key: &str) -> (StatusCode, String) {
        self.send(self.request("GET", path).header("x-api-key", key).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Returns the counters of an account: what is between the braces, without the account, and the count.
    pub(crate) async fn counters(&self, account: &str) -> Vec<String> {
        let (status, metrics) = self.get("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        let prefix = format!("requests_total{{account=\"{account}\",");
        metrics.lines().filter_map(|line| line.strip_prefix(&*prefix)).map(str::to_owned).collect()
    }

    pub(crate) async fn create_log(&self, key: &str, name: &str) -> StatusCode {
        let request = self.request("POST", LOGS).header("x-api-key", key).header("content-type", "application/json");
        self.send(request.body(Body::from(format!(r#"{{"name":"{name}"}}"#))).unwrap()).await.0
    }

    /// Signs a request for the account with the layer.
    pub(crate) async fn send_signed(
        &self,
        credentials: &Credentials,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, String) {
        let layer = LogentriesAuthLayer::new(credentials.clone()).trust_origin(&self.origin()).unwrap();
        let request = self.request(method, path).body(Body::from(body.to_owned())).unwrap();
        text(with_timeout(layer.layer(http_client()).oneshot(request)).await.unwrap()).await
    }

    pub(crate) async fn show_account(&self, credentials: &Credentials, account: &str) -> (StatusCode, String) {
        self.send_signed(credentials, "GET", &format!("/management/accounts/{account}"), "").await
    }

    /// Sends a request that was captured; returns the status.
    pub(crate) async fn send_captured(&self, request: &Request<String>) -> StatusCode {
        let mut request = request.clone().map(Body::from);
        *request.uri_mut() = format!("http://{}{}", self.address, request.uri().path()).parse::<Uri>().unwrap();
        self.send(request).await.0
    }

    /// A connection with the head of a request.
    pub(crate) async fn send_head(&self, key: &str, content_length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST {LOGS} HTTP/1.1\r\nHost: {}\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {content_length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// A connection with a request whose body the service waits for.
    pub(crate) async fn begin_upload(&self, key: &str, content_length: usize) -> TcpStream {
        let mut stream = self.send_head(key, content_length).await;
        let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut interim = vec![0; expected.len()];
        with_timeout(stream.read_exact(&mut interim)).await.unwrap();
        assert_eq!(interim, expected);
        stream
    }

    /// Sends SIGTERM, and returns once no new connection is accepted.
    pub(crate) async fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().unwrap().to_string()]).status().await;
        assert!(killed.unwrap().success());
        with_timeout(async {
            while BlockingTcpStream::connect(&self.address).is_ok() {
                yield_now().await;
            }
        })
        .await;
    }

    pub(crate) async fn ended(mut self) -> ExitStatus {
        with_timeout(self.child.wait()).await.unwrap()
    }
}

/// A signed request, as somebody on the way would capture it.
pub(crate) async fn capture(credentials: &Credentials, method: &str, path: &str, body: &str) -> Request<String> {
    let layer = LogentriesAuthLayer::new(credentials.clone());
    let client = layer.layer(service_fn(async |request| Ok::<_, Infallible>(Response::new(request))));
    let request = Request::builder().method(method).uri(format!("https://rest.logentries.com{path}"));
    let response = client.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (mut head, body) = response.into_body().into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let body = to_bytes(body, 1024).await.unwrap();
    Request::from_parts(head, String::from_utf8(body.into()).unwrap())
}

pub(crate) async fn text(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), 1024 * 1024).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
