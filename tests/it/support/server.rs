//! Servers on loopback.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::net::{TcpListener, TcpSocket};
use tower_logentries_auth::{KeyStore, LogentriesVerifyLayer};

use super::{KEY_ID, OWNER_KEY, wire};

/// Serves `app` on a port of its own; returns its origin, such as `http://127.0.0.1:4711`.
pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    origin
}

/// The origin of a port that refuses connections as long as the socket is held.
pub(crate) fn refused_port() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

/// Starts a server behind this verifying layer, which answers 200 to what passes.
pub(crate) async fn verifier<K>(layer: LogentriesVerifyLayer<K>) -> String
where
    K: KeyStore<OwnerKeys: Send, ApiKey: Send> + Clone + Send + Sync + 'static,
{
    serve(Router::new().fallback(|| async {}).layer(layer)).await
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What is wrong with its signature by [`KEY_ID`] and [`OWNER_KEY`], as [`wire::signature_error`] says.
    pub(crate) fn signature_error(&self) -> Option<String> {
        wire::signature_error(KEY_ID, OWNER_KEY, &self.method, &self.target, &self.headers, &self.body)
    }
}

/// Keeps every request that a server got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    received: Arc<Mutex<Vec<Received>>>,
}

impl Recording {
    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<Received> {
        mem::take(&mut *self.received.lock().unwrap())
    }

    /// The only request that came since the last time.
    pub(crate) fn only(&self) -> Received {
        let mut received = self.take();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// Keeps a request whose body arrives whole, and returns it.
    pub(crate) async fn keep(&self, request: Request<Body>) -> Option<Received> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.ok()?;
        let trailers = body.trailers().cloned();
        let received = Received {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or_else(|| parts.uri.to_string(), |target| target.to_string()),
            version: parts.version,
            headers: parts.headers,
            body: body.to_bytes(),
            trailers,
        };
        self.received.lock().unwrap().push(received.clone());
        Some(received)
    }
}

/// Keeps what it gets and answers with `respond`.
pub(crate) fn recorder<F>(respond: F) -> (Router, Recording)
where
    F: Fn(&Received) -> Response + Clone + Send + Sync + 'static,
{
    let recording = Recording::default();
    let kept = recording.clone();
    let app = Router::new().fallback(move |request: Request<Body>| async move {
        match kept.keep(request).await {
            Some(received) => respond(&received),
            None => StatusCode::BAD_REQUEST.into_response(),
        }
    });
    (app, recording)
}

/// Starts a server that keeps what it gets and answers with `respond`.
pub(crate) async fn record_and<F>(respond: F) -> (String, Recording)
where
    F: Fn(&Received) -> Response + Clone + Send + Sync + 'static,
{
    let (app, recording) = recorder(respond);
    (serve(app).await, recording)
}

/// Starts a server that keeps what it gets and answers with 200.
pub(crate) async fn record() -> (String, Recording) {
    record_and(|_| Response::new(Body::empty())).await
}
