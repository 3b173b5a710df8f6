//! A thousand connections that send their bodies slowly, over every transport: each is answered, and the verifying layer
//! holds no more than it promises, as the allocator of the whole process counts it.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

#[allow(dead_code)] // which the other tests use
#[path = "it/support/tls.rs"]
mod tls;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::channel::{Channel, Sender};
use hyper::client::conn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use peak_alloc::PeakAlloc;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{BodyDigest, BufferedBody, CanonicalRequest, Credentials, LogentriesVerifyLayer, OwnerKey};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The counter is the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;
const CONNECTIONS: usize = 1_000;
/// The length of each body, which is also the layer's limit.
const LEN: usize = 64 * KIB;
/// What the buffers of a connection grow by as a body goes through them, on both of its ends.
const BUFFERS: usize = 64 * KIB;
const USERS: &str = "/management/accounts/acme/users";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A server that verifies, and how a client connects to it.
struct Server {
    address: SocketAddr,
    is_http2: bool,
    tls: Option<Arc<ClientConfig>>,
    /// How many requests have reached the verifying layer.
    seen: Arc<AtomicUsize>,
}

impl Server {
    async fn start(is_http2: bool, is_tls: bool, joins: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<AtomicUsize>::default();
        let (acceptor, tls) = if is_tls {
            let protocol = if is_http2 { "h2" } else { "http/1.1" };
            let (acceptor, certificate) = tls::acceptor(&[protocol]);
            let mut config = tls::trusting(Some(certificate));
            config.alpn_protocols = vec![protocol.into()];
            (Some(acceptor), Some(Arc::new(config)))
        } else {
            (None, None)
        };
        tokio::spawn(serve(listener, acceptor, joins, Arc::clone(&seen)));
        Self { address, is_http2, tls, seen }
    }

    async fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let Some(config) = &self.tls else { return Box::new(stream) };
        let name = ServerName::from(self.address.ip());
        Box::new(TlsConnector::from(Arc::clone(config)).connect(name, stream).await.unwrap())
    }

    /// Sends the head of a request on a connection of its own.
    async fn open(&self, body: &[u8]) -> Slow {
        let io = TokioIo::new(self.connect().await);
        let (sender, channel) = Channel::new(1);
        let request = self.signed(body, channel);
        let answer = if self.is_http2 {
            let (mut client, connection) = conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            tokio::spawn(async move { client.send_request(request).await.unwrap().status() })
        } else {
            let (mut client, connection) = conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            tokio::spawn(async move { client.send_request(request).await.unwrap().status() })
        };
        Slow { sender, answer }
    }

    fn signed(&self, bytes: &[u8], body: Channel<Bytes>) -> Request<Channel<Bytes>> {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let canonical = CanonicalRequest::new(&Method::POST, USERS, None, &date, BodyDigest::of(bytes));
        let signature = OwnerKey::new("key-id", "owner-key").unwrap().sign(&canonical);
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let request = if self.is_http2 {
            Request::post(format!("{scheme}://{}{USERS}", self.address)).version(Version::HTTP_2)
        } else {
            Request::post(USERS).header("host", self.address.to_string())
        };
        let request = request.header("date", date).header("authorization-api-key", format!("key-id:{signature}"));
        request.header("content-length", bytes.len()).body(body).unwrap()
    }
}

/// Answers what is verified with 200 if nothing of its body is missing. The body is kept in chunks, unless it is joined.
async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, joins: bool, seen: Arc<AtomicUsize>) {
    let count = service_fn(async |request: Request<Body>| {
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        let status = if body.len() == LEN { StatusCode::OK } else { StatusCode::IM_A_TEAPOT };
        Ok::<_, Infallible>(Response::builder().status(status).body(Body::empty()).unwrap())
    });
    let verify = LogentriesVerifyLayer::new(Credentials::owner("key-id", "owner-key").unwrap()).body_limit(LEN);
    let outer = ServiceBuilder::new()
        .map_request(move |request: Request<hyper::body::Incoming>| {
            seen.fetch_add(1, Relaxed);
            request.map(Body::new)
        })
        .map_response(|response: Response<_>| response.map(Body::new));
    let service = if joins {
        outer.layer(verify).service(count).boxed_clone()
    } else {
        outer.layer(verify.rebuild_body(|body: BufferedBody| Body::new(body))).service(count).boxed_clone()
    };
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(service.clone()));
        tokio::spawn(async move {
            let stream: Box<dyn Stream> = match acceptor {
                Some(acceptor) => Box::new(acceptor.accept(stream).await.unwrap()),
                None => Box::new(stream),
            };
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
        });
    }
}

/// A request whose body is on its way.
struct Slow {
    sender: Sender<Bytes>,
    answer: JoinHandle<StatusCode>,
}

impl Slow {
    /// Sends bytes in pieces, so that the server reads in pieces.
    async fn send(&mut self, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(1_000));
            self.sender.send_data(piece).await.unwrap();
        }
    }
}

/// Returns how much each connection takes for a body of which all send a half before any sends the rest.
async fn held(is_http2: bool, is_tls: bool, joins: bool) -> usize {
    let server = Server::start(is_http2, is_tls, joins).await;
    let body = Bytes::from(vec![7; LEN]);
    let mut requests = Vec::new();
    for _ in 0..CONNECTIONS {
        requests.push(server.open(&body).await);
    }
    while server.seen.load(Relaxed) < CONNECTIONS {
        tokio::task::yield_now().await;
    }
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    for request in &mut requests {
        request.send(body.slice(..LEN / 2)).await;
    }
    for mut request in requests {
        request.send(body.slice(LEN / 2..)).await;
        drop(request.sender);
        assert_eq!(request.answer.await.unwrap(), StatusCode::OK);
    }
    (ALLOCATOR.peak_usage() - before) / CONNECTIONS
}

fn all_pass_and_hold_what_is_promised(is_http2: bool, is_tls: bool, joins: bool) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    rlimit::increase_nofile_limit(4_096).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let held = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(300), held(is_http2, is_tls, joins))
            .await
            .expect("every request is answered")
    });
    let promised = LEN * 22 / 10 + BUFFERS;
    println!("{held} bytes each");
    assert!(held <= promised, "{held} bytes each, and {promised} are promised");
}

#[test]
fn a_thousand_slow_bodies_pass_over_http1() {
    all_pass_and_hold_what_is_promised(false, false, false);
}

#[test]
fn a_thousand_slow_bodies_pass_and_are_joined() {
    all_pass_and_hold_what_is_promised(false, false, true);
}

#[test]
fn a_thousand_slow_bodies_pass_over_http1_and_tls() {
    all_pass_and_hold_what_is_promised(false, true, false);
}

#[test]
fn a_thousand_slow_bodies_pass_over_http2() {
    all_pass_and_hold_what_is_promised(true, false, false);
}

#[test]
fn a_thousand_slow_bodies_pass_over_http2_and_tls() {
    all_pass_and_hold_what_is_promised(true, true, false);
}
