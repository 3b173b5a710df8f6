//! What both layers hold of a body while it arrives over a socket, however it is cut: counted by the allocator of the
//! whole process, and held to the limit that is set.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, Version, header::HOST};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use peak_alloc::PeakAlloc;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};
use tower_logentries_auth::{
    AuthError, BodyDigest, BufferedBody, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The counter is the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const USERS: &str = "/management/accounts/acme/users";

/// How much one read of the server's socket brings, and one chunk of the client's body has. The shortest is far less than
/// what is kept with a chunk, and long enough that the tests are quick.
const SIZES: [usize; 8] = [16, 512, 4_096, 8_191, 8_192, 16_384, 40_000, 64 * KIB];

/// Short chunks take long: there are fewer of them.
fn limit_for(size: usize) -> usize {
    match size {
        ..512 => 512 * KIB,
        512..4_096 => 2 * MIB,
        4_096.. => 8 * MIB,
    }
}

/// A connection that reads at most so many bytes at once as its buffer has.
struct Narrow {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

impl AsyncRead for Narrow {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, buffer } = self.get_mut();
        let size = buffer.len().min(into.remaining());
        let mut read = ReadBuf::new(&mut buffer[..size]);
        let poll = Pin::new(stream).poll_read(cx, &mut read);
        into.put_slice(read.filled());
        poll
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A body of equal chunks, which share their bytes.
struct Repeated {
    chunk: Bytes,
    left: usize,
}

impl Repeated {
    fn new(size: usize, len: usize) -> Self {
        Self { chunk: vec![7; size].into(), left: len }
    }
}

impl http_body::Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let len = self.left.min(self.chunk.len());
        self.left -= len;
        Poll::Ready((len > 0).then(|| Ok(Frame::data(self.chunk.slice(..len)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

fn credentials() -> Credentials {
    Credentials::owner("key-id", "owner-key").unwrap()
}

/// Listens on a port of its own; returns also its origin.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Serves every connection, reading at most `size` bytes at once.
async fn serve(listener: TcpListener, size: usize, service: BoxedService) {
    let service = service.map_request(|request: Request<Incoming>| request.map(Body::new));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (io, service) =
            (TokioIo::new(Narrow { stream, buffer: vec![0; size].into() }), TowerToHyperService::new(service.clone()));
        tokio::spawn(async move { auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await });
    }
}

/// Answers with 200 if the body has so many bytes, each of which it lets go at once.
async fn count(request: Request<Body>, len: usize) -> Result<Response<Body>, Infallible> {
    let (mut body, mut read) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    let status = if read == len { StatusCode::OK } else { StatusCode::IM_A_TEAPOT };
    Ok(Response::builder().status(status).body(Body::empty()).unwrap())
}

/// Which side of the crate reads the body.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// A server behind the verifying layer.
    Verifying,
    /// A gateway that signs what it relays.
    Signing,
}

type BoxedService = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// Verifies bodies of up to `limit` bytes, in front of `inner`.
fn verifying(limit: usize, joins: bool, inner: BoxedService) -> BoxedService {
    let layer = LogentriesVerifyLayer::new(credentials()).body_limit(limit);
    let outer = ServiceBuilder::new().map_response(|response: Response<_>| response.map(Body::new));
    if joins {
        outer.layer(layer).service(inner).boxed_clone()
    } else {
        outer.layer(layer.rebuild_body(|body: BufferedBody| Body::new(body))).service(inner).boxed_clone()
    }
}

/// Signs bodies of up to `limit` bytes, and relays them to `upstream`.
fn signing(limit: usize, joins: bool, upstream: &str) -> BoxedService {
    let layer = LogentriesAuthLayer::new(credentials()).body_limit(limit).trust_origin(upstream).unwrap();
    let uri: Uri = format!("{upstream}{USERS}").parse().unwrap();
    let outer = ServiceBuilder::new()
        .map_response(|response: Response<Incoming>| response.map(Body::new))
        .map_err(|error: AuthError| -> Infallible { panic!("{error}") })
        .map_request(move |mut request: Request<Body>| {
            request.headers_mut().remove(HOST);
            *request.uri_mut() = uri.clone();
            *request.version_mut() = Version::HTTP_11;
            request
        });
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    if joins {
        outer.layer(layer).service(client).boxed_clone()
    } else {
        outer.layer(layer.rebuild_body(|body: BufferedBody| Body::new(body))).service(client).boxed_clone()
    }
}

/// Sends a body of just the limit in chunks of this size; returns how much all of the process holds at most meanwhile.
async fn peak(side: Side, is_http2: bool, size: usize, joins: bool) -> usize {
    let len = limit_for(size);
    let (listener, origin) = listen().await;
    let inner = service_fn(move |request| count(request, len)).boxed_clone();
    let (service, layer) = match side {
        Side::Verifying => (verifying(len, joins, inner), Some(LogentriesAuthLayer::new(credentials()))),
        Side::Signing => {
            let (sink, upstream) = listen().await;
            tokio::spawn(serve(sink, 64 * KIB, inner));
            (signing(len, joins, &upstream), None)
        }
    };
    tokio::spawn(serve(listener, size, service));

    let request = Request::post(format!("{origin}{USERS}"));
    let digest = BodyDigest::of(vec![7; len]);
    let request = request.extension(digest).body(Body::new(Repeated::new(size, len))).unwrap();
    // What waits to be sent is held by the same process: as little as there may be.
    let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).http2_max_send_buf_size(size).build_http();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let response = match layer {
        Some(sign) => sign.trust_origin(&origin).unwrap().layer(client).oneshot(request).await.unwrap(),
        None => client.request(request).await.unwrap(),
    };
    assert_eq!(response.status(), 200);
    ALLOCATOR.peak_usage() - before
}

fn hold_at_most_2_2_times_the_limit(side: Side, is_http2: bool) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (size, joins) in SIZES.into_iter().flat_map(|size| [(size, true), (size, false)]) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let ratio = runtime.block_on(peak(side, is_http2, size, joins)) as f64 / limit_for(size) as f64;
        println!(
            "{side:?} HTTP/{} {size:>5} {} {ratio:.2}",
            1 + usize::from(is_http2),
            if joins { "joined" } else { "chunks" }
        );
        assert!(ratio <= 2.2, "{side:?}, HTTP/2: {is_http2}, read by {size} bytes, joined: {joins}: {ratio}");
    }
}

#[test]
fn verifying_server_holds_at_most_2_2_times_its_limit_over_http1() {
    hold_at_most_2_2_times_the_limit(Side::Verifying, false);
}

#[test]
fn verifying_server_holds_at_most_2_2_times_its_limit_over_http2() {
    hold_at_most_2_2_times_the_limit(Side::Verifying, true);
}

#[test]
fn signing_gateway_holds_at_most_2_2_times_its_limit_over_http1() {
    hold_at_most_2_2_times_the_limit(Side::Signing, false);
}

#[test]
fn signing_gateway_holds_at_most_2_2_times_its_limit_over_http2() {
    hold_at_most_2_2_times_the_limit(Side::Signing, true);
}
