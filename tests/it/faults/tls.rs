//! Servers that fail behind TLS, over HTTP/1.1 and frame by frame over HTTP/2, and clients that do so.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body};
use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::server::TlsStream;
use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{AuthError, LogentriesRetryPolicy, LogentriesVerifyLayer};

use crate::support::{
    KEY_ID, OWNER_KEY, USERS,
    clock::date,
    credentials, layer_for,
    server::Recording,
    tls::{acceptor, serve, trusting},
    wire, with_timeout,
};

type Stream = TlsStream<TcpStream>;

/// What becomes of the first request. All later ones are served as they should be.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// HTTP/2: the stream is reset.
    Reset(Reason),
    /// HTTP/2: the connection is given up without an answer.
    GoAway,
    /// HTTP/2: no more requests are taken, this one is answered.
    GoAwayGracefully,
    /// The connection is dropped without an answer.
    Drop,
    /// An answer whose body breaks off.
    HalfABody,
    /// HTTP/2: an answer before the body of the request was read.
    EarlyAnswer,
}

/// A server whose first request fails like this.
struct Server {
    origin: String,
    certificate: CertificateDer<'static>,
    recording: Recording,
}

impl Server {
    async fn start(protocol: &'static str, fault: Option<Fault>) -> Self {
        let (acceptor, certificate) = acceptor(&[protocol]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let (recording, fault) = (Recording::default(), Arc::new(Mutex::new(fault)));
        let kept = recording.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, recording, fault) = (acceptor.clone(), kept.clone(), Arc::clone(&fault));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    match protocol {
                        "h2" => serve_http2(stream, recording, fault).await,
                        _ => serve_http1(stream, recording, fault).await,
                    }
                });
            }
        });
        Self { origin, certificate, recording }
    }

    /// A client with one permit around the layer, and one below it.
    fn client(
        &self,
    ) -> impl Service<Request<Body>, Response = Response<Incoming>, Error = AuthError, Future: Send> + Clone + use<>
    {
        ServiceBuilder::new()
            .concurrency_limit(1)
            .layer(layer_for(&self.origin))
            .concurrency_limit(1)
            .service(self.https())
    }

    fn https<B>(&self) -> Client<hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>, B>
    where
        B: http_body::Body<Data: Send> + Send,
    {
        let tls = trusting(Some(self.certificate.clone()));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_all_versions().build();
        Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector)
    }

    fn post(&self, body: impl Into<Body>) -> Request<Body> {
        Request::post(format!("{}{USERS}", self.origin)).body(body.into()).unwrap()
    }

    /// Sends a good request, and looks at it where it arrives.
    async fn works<S>(&self, client: S)
    where
        S: Service<Request<Body>, Response = Response<Incoming>, Error = AuthError>,
    {
        let response = with_timeout(client.oneshot(self.post("again"))).await.unwrap();
        assert_eq!(response.status(), 200);
        let received = self.recording.only();
        assert_eq!((received.signature_error(), &*received.body), (None, &b"again"[..]));
    }
}

async fn serve_http1(mut stream: Stream, recording: Recording, fault: Arc<Mutex<Option<Fault>>>) {
    let fault = fault.lock().unwrap().take();
    if fault.is_some() {
        stream.read_u8().await.unwrap();
    }
    match fault {
        None => {
            let answer = service_fn(move |request: Request<Incoming>| {
                let recording = recording.clone();
                async move {
                    recording.keep(request.map(Body::new)).await;
                    Ok::<_, Infallible>(Response::new(Body::empty()))
                }
            });
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
        }
        // Without the close_notify that would make it a whole answer.
        Some(Fault::HalfABody) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf a bo").await.unwrap();
            stream.flush().await.unwrap();
        }
        Some(_) => {}
    }
}

async fn serve_http2(stream: Stream, recording: Recording, fault: Arc<Mutex<Option<Fault>>>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let fault = fault.lock().unwrap().take();
        match fault {
            None => drop(tokio::spawn(answer(request, respond, recording.clone()))),
            Some(Fault::Reset(reason)) => respond.send_reset(reason),
            Some(Fault::GoAway) => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            Some(Fault::GoAwayGracefully) => {
                connection.graceful_shutdown();
                tokio::spawn(answer(request, respond, recording.clone()));
            }
            Some(Fault::Drop) => return,
            Some(Fault::HalfABody) => {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                body.send_data(Bytes::from_static(b"half a bo"), false).unwrap();
                tokio::spawn(async move {
                    // What waits to be sent would be dropped with the stream: first it has to leave.
                    tokio::task::yield_now().await;
                    body.send_reset(Reason::INTERNAL_ERROR);
                });
            }
            Some(Fault::EarlyAnswer) => {
                let rejection = Response::builder().status(401).body(()).unwrap();
                // Dropping the request's body resets its stream, once the answer has left.
                respond.send_response(rejection, true).unwrap();
            }
        }
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, recording: Recording) {
    let (head, mut body) = request.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(Ok(chunk)) = body.data().await {
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    recording.keep(Request::from_parts(head, Body::from(bytes.freeze()))).await;
    respond.send_response(Response::new(()), true).unwrap();
}

#[tokio::test]
async fn fault_fails_one_request_only() {
    let http2 = [
        Fault::Reset(Reason::INTERNAL_ERROR),
        Fault::Reset(Reason::REFUSED_STREAM),
        Fault::Reset(Reason::CANCEL),
        Fault::GoAway,
        Fault::Drop,
    ];
    let faults = http2.map(|fault| ("h2", fault)).into_iter().chain([("http/1.1", Fault::Drop)]);
    for (protocol, fault) in faults {
        let server = Server::start(protocol, Some(fault)).await;
        let client = server.client();
        let error = with_timeout(client.clone().oneshot(server.post("a body"))).await.unwrap_err();
        let source = error.service_error::<hyper_util::client::legacy::Error>();
        assert!(source.is_some(), "{protocol} {fault:?} {error:?}");
        assert!(server.recording.take().is_empty());
        server.works(client).await;
    }
}

#[tokio::test]
async fn request_in_flight_outlives_goaway() {
    let server = Server::start("h2", Some(Fault::GoAwayGracefully)).await;
    let client = server.client();
    for _ in 0..3 {
        server.works(client.clone()).await;
    }
}

#[tokio::test]
async fn truncated_response_is_an_error() {
    for protocol in ["http/1.1", "h2"] {
        let server = Server::start(protocol, Some(Fault::HalfABody)).await;
        let client = server.client();
        // Over HTTP/2 the reset may overtake the head.
        if let Ok(response) = with_timeout(client.clone().oneshot(server.post("a body"))).await {
            with_timeout(response.into_body().collect()).await.expect_err(protocol);
        }
        server.works(client).await;
    }
}

/// The body is larger than any window: it cannot have been sent.
#[tokio::test]
async fn early_http2_answer_arrives() {
    let server = Server::start("h2", Some(Fault::EarlyAnswer)).await;
    let client = server.client();
    let response = with_timeout(client.clone().oneshot(server.post(vec![7; 8 << 20]))).await.unwrap();
    assert_eq!(response.status(), 401);
    drop(response);
    server.works(client).await;
}

/// A server that hangs up after each answer without a word, so that the pool is always stale.
async fn hangs_up_after_each_answer(protocol: &'static str) -> Server {
    let server = Server::start(protocol, None).await;
    let (acceptor, certificate) = acceptor(&[protocol]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let recording = server.recording.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, recording) = (acceptor.clone(), recording.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let (answered, is_answered) = tokio::sync::oneshot::channel();
                let answered = Mutex::new(Some(answered));
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (recording, answered) = (recording.clone(), answered.lock().unwrap().take());
                    async move {
                        recording.keep(request.map(Body::new)).await;
                        answered.map(|answered| answered.send(()));
                        Ok::<_, Infallible>(Response::new(Body::empty()))
                    }
                });
                let builder = auto::Builder::new(TokioExecutor::new());
                tokio::select! {
                    _ = builder.serve_connection(TokioIo::new(stream), answer) => {}
                    _ = async { is_answered.await.ok(); tokio::task::yield_now().await; } => {}
                }
            });
        }
    });
    Server { origin, certificate, recording: server.recording }
}

#[tokio::test]
async fn retries_get_by_with_a_stale_pool() {
    for protocol in ["http/1.1", "h2"] {
        let server = hangs_up_after_each_answer(protocol).await;
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(LogentriesRetryPolicy::new().attempts(10)))
            .layer(layer_for(&server.origin))
            .service(server.https::<Full<Bytes>>());
        for n in 0..20 {
            let body = format!("body {n}");
            // A safe method, which does not wait for a second to be dated otherwise.
            let request = Request::builder().method("QUERY").uri(format!("{}{USERS}", server.origin));
            let request = request.body(Full::from(body.clone())).unwrap();
            let response = with_timeout(client.clone().oneshot(request)).await.unwrap();
            assert_eq!(response.status(), 200);
            // Sent again where the answer was lost, and each time the same.
            let received = server.recording.take();
            assert!(!received.is_empty());
            for received in received {
                assert_eq!((received.signature_error(), received.body), (None, Bytes::from(body.clone())));
            }
        }
    }
}

/// A head over HTTP/2 that is signed for this body.
fn signed_head(origin: &str, body: &[u8]) -> Request<()> {
    let now = date(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
    let signature = wire::signature(OWNER_KEY, "POST", "", &now, USERS, body);
    Request::builder()
        .method(Method::POST)
        .uri(format!("{origin}{USERS}"))
        .header("date", now)
        .header("authorization-api-key", format!("{KEY_ID}:{signature}"))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn half_a_body_over_http2_reaches_no_handler() {
    let echo = Router::new().fallback(|body: String| async move { body });
    let (origin, certificate) = serve(echo.layer(LogentriesVerifyLayer::new(credentials()))).await;
    let mut config = trusting(Some(certificate));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let authority = origin.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(authority).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);

    let body = Bytes::from_static(b"the whole body");
    let send = async |sent: usize, ends: bool| {
        let mut client = client.clone().ready().await.unwrap();
        let (response, mut stream) = client.send_request(signed_head(&origin, &body), false).unwrap();
        stream.send_data(body.slice(..sent), ends).unwrap();
        if !ends {
            stream.send_reset(Reason::CANCEL);
        }
        with_timeout(response).await.map(|response| response.status())
    };
    for sent in [0, 1, body.len() - 1] {
        assert_eq!(send(sent, true).await.unwrap(), StatusCode::UNAUTHORIZED, "{sent}");
        assert!(send(sent, false).await.is_err(), "{sent}");
    }
    assert_eq!(send(body.len(), true).await.unwrap(), StatusCode::OK);
}
