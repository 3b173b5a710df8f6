//! What the crate takes from the allocator. `allocation_counter` counts for one thread, so each test runs on one.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

use std::{
    convert::Infallible,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, UNIX_EPOCH},
};

use allocation_counter::{AllocationInfo, measure};
use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future, stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, runtime::Builder};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{
    AuthError, BodyDigest, BufferedBody, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer,
    replay::{MemoryReplayGuard, RejectReplaysLayer},
};

const LOGS: &str = "/management/logs";
const USERS: &str = "/management/accounts/acme/users";
const KIB: usize = 1024;

fn credentials() -> Credentials {
    Credentials::owner("key-id", "owner-key").and_then(|keys| keys.with_read_write("read-write-key")).unwrap()
}

fn post(origin: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("{origin}{path}")).body(body.into()).unwrap()
}

/// What a second run takes: what is kept on purpose is there by then.
fn measure_second<T>(mut run: impl FnMut() -> T) -> AllocationInfo {
    run();
    let info = measure(|| drop(run()));
    assert!(info.count_total > 0, "the counter counts");
    info
}

#[test]
fn a_signed_and_verified_request_leaves_no_memory_behind() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let origin = "https://rest.logentries.com";
    let server = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let client = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials()))
        .layer(LogentriesVerifyLayer::new(credentials()))
        .service(server);
    let info = measure_second(|| {
        let response = runtime.block_on(client.clone().oneshot(post(origin, USERS, vec![7; 4 * KIB]))).unwrap();
        assert_eq!(response.status(), 200);
    });
    assert_eq!(info.bytes_current, 0);
}

/// Both layers, at work for as long as the test runs, and the socket between them.
struct LongLived {
    listener: std::net::TcpListener,
    origin: String,
    sign: LogentriesAuthLayer,
    verify: LogentriesVerifyLayer<Credentials>,
}

impl LongLived {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let sign = LogentriesAuthLayer::new(credentials()).trust_origin(&origin).unwrap();
        Self { listener, origin, sign, verify: LogentriesVerifyLayer::new(credentials()) }
    }

    /// Sends that many requests, 64 in flight, and takes down everything but the layers.
    fn load(&self, requests: usize) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
            let app = Router::new().fallback(|body: Bytes| async { body }).layer(self.verify.clone());
            tokio::spawn(async { axum::serve(listener, app).await });
            let client = self.sign.layer(Client::builder(TokioExecutor::new()).build_http());
            let send = |n| self.send(client.clone(), n);
            stream::iter(0..requests).map(send).buffer_unordered(64).for_each(future::ready).await;
        });
    }

    /// Sends the `n`th request. Every hundredth caller gives up at once.
    async fn send<S>(&self, client: S, n: usize)
    where
        S: Service<Request<Body>, Response = Response<Incoming>, Error = AuthError>,
    {
        let path = if n.is_multiple_of(3) { LOGS } else { USERS };
        let sent = client.oneshot(post(&self.origin, path, vec![7; n % 5_000]));
        if n % 100 == 7 {
            assert!(sent.now_or_never().is_none());
            return;
        }
        let response = sent.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), n % 5_000);
    }
}

#[test]
fn after_a_load_memory_is_where_it_was() {
    let layers = LongLived::new();
    layers.load(100);
    assert_eq!([100, 4_000].map(|requests| measure(|| layers.load(requests)).bytes_current), [0, 0]);
}

/// The most that is held at once while a signed request is sent, beyond its body.
fn peak_beyond_its_body(request: impl Fn() -> Request<Body>) -> u64 {
    let runtime = Builder::new_current_thread().build().unwrap();
    let drain = service_fn(async |request: Request<Body>| {
        let mut body = request.into_body();
        while body.frame().await.is_some() {}
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let client = LogentriesAuthLayer::new(credentials()).layer(drain);
    let send = |request| runtime.block_on(client.clone().oneshot(request)).unwrap();
    send(request());
    let request = request();
    measure(|| drop(send(request))).bytes_max
}

#[test]
fn a_body_in_one_piece_is_not_copied() {
    let body = Bytes::from(vec![7; 8 * KIB * KIB]);
    let peak = peak_beyond_its_body(|| post("https://rest.logentries.com", USERS, body.clone()));
    assert!(peak < 16 * KIB as u64, "{peak} bytes");
}

#[test]
fn a_body_with_a_digest_streams_in_constant_memory() {
    let peak = |pieces: usize| {
        let piece = Bytes::from(vec![7; 64 * KIB]);
        let digest = BodyDigest::of(piece.repeat(pieces));
        peak_beyond_its_body(move || {
            let frames =
                std::iter::repeat_n(piece.clone(), pieces).map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            let body = Body::new(StreamBody::new(stream::iter(frames)));
            let mut request = post("https://rest.logentries.com", USERS, body);
            request.extensions_mut().insert(digest);
            request
        })
    };
    assert_eq!(peak(1_000), peak(1));
}

#[test]
fn a_rejected_body_is_drained_in_constant_memory() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let peak = |key_id, status: u16, pieces: usize| {
        let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
        let client = ServiceBuilder::new()
            .layer(LogentriesAuthLayer::new(Credentials::owner(key_id, "owner-key").unwrap()))
            .layer(LogentriesVerifyLayer::new(credentials()).body_limit(KIB * KIB).drain_rejected(64 * KIB * KIB))
            .service(inner);
        let frames = stream::iter((0..pieces).map(|_| Ok::<_, Infallible>(Frame::data(vec![7; 64 * KIB].into()))));
        let mut request = post("https://rest.logentries.com", USERS, Body::new(StreamBody::new(frames)));
        request.extensions_mut().insert(BodyDigest::of("of another body"));
        let info = measure(|| assert_eq!(runtime.block_on(client.oneshot(request)).unwrap().status(), status));
        assert!(info.bytes_total > (pieces * 64 * KIB) as u64, "it was read");
        info.bytes_max
    };
    // The limit is a MiB, and the buffer that joins the chunks has half of it while it grows.
    for (key_id, status, kept) in [("nobody", 401, 0), ("key-id", 413, KIB * KIB * 3 / 2)] {
        // The first run makes what is kept of the second's date.
        let [_, few, many] = [100, 100, 1_000].map(|pieces| peak(key_id, status, pieces));
        assert_eq!(few, many);
        assert!(many < (kept + 2 * 64 * KIB) as u64, "{many}");
    }
}

/// Writes a request with an unknown key and a body of this length, on a thread of its own; returns the status line.
fn upload(address: SocketAddr, len: usize) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("POST {LOGS} HTTP/1.1\r\nhost: x\r\nx-api-key: unknown\r\ncontent-length: {len}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        for chunk in vec![7; len].chunks(64 * KIB) {
            stream.write_all(chunk).unwrap();
        }
        let mut line = [0; "HTTP/1.1 401".len()];
        stream.read_exact(&mut line).unwrap();
        String::from_utf8(line.to_vec()).unwrap()
    })
}

#[test]
fn a_body_of_50_mb_is_drained_from_a_socket_in_constant_memory() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let layer = LogentriesVerifyLayer::new(credentials()).drain_rejected(50_000_000);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let client = upload(listener.local_addr().unwrap(), 50_000_000);
    let app = Router::new().fallback(async || {}).layer(layer);
    let info = measure(|| {
        runtime.block_on(async {
            tokio::spawn(async { axum::serve(listener, app).await });
            while !client.is_finished() {
                tokio::task::yield_now().await;
            }
        });
    });
    assert_eq!(client.join().unwrap(), "HTTP/1.1 401");
    // hyper's read buffer alone may grow to 408 KiB.
    assert!(info.bytes_max < 1024 * KIB as u64, "{info:?}");
}

/// A request to `path` whose header map has room, and whose body is in as many chunks of this size.
fn roomy(path: &str, chunks: usize, size: usize) -> Request<Chunks> {
    let uri = format!("https://rest.logentries.com{path}");
    let body = Chunks::Given(vec![Bytes::from(vec![7; size]); chunks].into_iter());
    let mut request = Request::post(uri).body(body).unwrap();
    *request.headers_mut() = HeaderMap::with_capacity(8);
    request
}

/// A body in chunks, before it is read and after.
enum Chunks {
    Given(std::vec::IntoIter<Bytes>),
    Read(BufferedBody),
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Given(chunks) => Poll::Ready(chunks.next().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Read(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Given(chunks) if chunks.len() == 0)
    }
}

#[test]
fn a_signed_request_takes_one_allocation_and_one_with_an_api_key_none() {
    let inner = service_fn(|request: Request<Chunks>| future::ready(Ok::<_, Infallible>(Response::new(request))));
    // A second of its own would take a date of its own.
    let layer = LogentriesAuthLayer::new(credentials()).clock(|| UNIX_EPOCH).rebuild_body(Chunks::Read);
    let mut service = layer.layer(inner);
    let mut allocations = |what, path, chunks, size| {
        // The first request of all makes what the layer keeps of the second's date.
        let mut info = AllocationInfo::default();
        for _ in 0..2 {
            let mut request = Some(roomy(path, chunks, size));
            let mut response = None;
            info = measure(|| response = request.take().map(|request| poll_to_end(service.call(request))));
            assert!(response.is_some_and(|response| response.is_ok()));
        }
        println!("{what:<30} {:>3} allocations {:>8} bytes", info.count_total, info.bytes_total);
        info
    };
    assert_eq!(allocations("API key", LOGS, 1, 200).count_total, 0);
    assert_eq!(allocations("signed, empty", USERS, 0, 0).count_total, 1);
    assert_eq!(allocations("signed, 200 bytes", USERS, 1, 200).count_total, 1);
    assert_eq!(allocations("signed, 1 MiB", USERS, 1, KIB * KIB).count_total, 1);
    // Chunks are copied into one buffer, which doubles: for a moment there are two.
    let in_chunks = allocations("signed, 16 MiB in 16 chunks", USERS, 16, KIB * KIB);
    assert!(in_chunks.count_total < 10 && in_chunks.bytes_max < (16 + 8 + 1) * (KIB * KIB) as u64, "{in_chunks:?}");
}

/// What the layer keeps of a verified request is its extensions and those of its response: their maps, unless there is one
/// already, and a box for each of them. A signature's key id and the list of the keys that have it come on top of that.
#[test]
fn a_verified_request_takes_an_allocation_for_each_extension_and_two_for_the_key() {
    #[derive(Clone)]
    struct FromRouter;
    let inner =
        || service_fn(|request: Request<Full<Bytes>>| future::ready(Ok::<_, Infallible>(Response::new(request))));
    let mut client = LogentriesAuthLayer::new(credentials()).clock(|| UNIX_EPOCH).layer(inner());
    let mut server = LogentriesVerifyLayer::new(credentials()).clock(|| UNIX_EPOCH).layer(inner());
    let mut allocations = |path, body: &'static [u8], has_extensions: bool| {
        let request = Request::post(format!("https://rest.logentries.com{path}")).body(Full::from(body)).unwrap();
        let request = poll_to_end(client.call(request)).unwrap().into_body();
        // The server remembers the last date that it parsed.
        poll_to_end(server.call(request.clone())).unwrap();
        let mut request = Some(request);
        if has_extensions {
            request.as_mut().unwrap().extensions_mut().insert(FromRouter);
        }
        let mut response = None;
        let info = measure(|| response = request.take().map(|request| poll_to_end(server.call(request))));
        assert_eq!(response.unwrap().unwrap().status(), 200);
        info.count_total
    };
    for (case, path, body, expected) in [
        ("API key", LOGS, &b""[..], [6, 4]),
        ("signed, empty", USERS, b"", [9, 7]),
        ("signed, 200 bytes", USERS, &[7; 200], [9, 7]),
    ] {
        let counts = [false, true].map(|has_extensions| allocations(path, body, has_extensions));
        println!("{case:<20} verified in {} allocations, {} of them if it has extensions", counts[0], counts[1]);
        assert_eq!(counts, expected, "{case}");
    }
}

/// Sends requests of as many signatures through the guard, dated by `second`.
fn fill(guard: &MemoryReplayGuard, second: u64, signatures: usize) {
    let clock = move || UNIX_EPOCH + Duration::from_secs(second);
    let server = service_fn(|_: Request<Full<Bytes>>| future::ready(Ok::<_, Infallible>(Response::new(Body::empty()))));
    let mut service = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials()).clock(clock))
        .layer(LogentriesVerifyLayer::new(credentials()).clock(clock))
        .layer(RejectReplaysLayer::new(guard.clone()))
        .service(server);
    for n in 0..signatures {
        let uri = format!("https://rest.logentries.com{USERS}/{n}");
        let request = Request::delete(uri).body(Full::default()).unwrap();
        assert_eq!(poll_to_end(service.call(request)).unwrap().status(), 200);
    }
}

#[test]
fn a_replay_guard_takes_about_64_bytes_a_signature() {
    // Nearly the worst case: a table that has just doubled.
    let signatures = 7_200;
    let guard = MemoryReplayGuard::with_capacity(signatures);
    let first = measure(|| fill(&guard, 1_000_000, signatures));
    assert_eq!(guard.len(), signatures);
    // Twenty minutes later all of these are gone, and as many others take their places.
    let second = measure(|| fill(&guard, 1_001_201, signatures));
    assert_eq!(guard.len(), signatures);
    println!("{} bytes for {signatures} signatures, {} at most", first.bytes_current, first.bytes_max);
    assert!(first.bytes_max <= 96 * signatures as u64, "{first:?}");
    assert!(first.bytes_current <= 64 * signatures as i64, "{first:?}");
    assert!(first.bytes_current + second.bytes_current <= 64 * signatures as i64, "{first:?} {second:?}");
}

fn poll_to_end<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
