//! What signing costs beside the hashing that it can't do without.
//!
//!     cargo bench --bench signing
//!
//! Each case times the bare hash (SHA-256 of the body and one HMAC-SHA1 of the canonical string, keyed afresh, by the
//! same libraries) and the layer around a service that does nothing. The ratios are printed at the end.

use std::{
    convert::Infallible,
    fs,
    hint::black_box,
    path::PathBuf,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuthLayer};

const KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";
const ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
const HOST: &str = "https://rest.logentries.com/";
const PATH: &str = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users";
const MIB: usize = 1024 * 1024;

/// The cases, with the body's length and the most that the layer may cost beside the bare hash.
const CASES: [(&str, usize, f64); 3] = [("empty GET", 0, 2.1), ("200-byte POST", 200, 1.9), ("1 MiB POST", MIB, 1.02)];
const CHUNKS: (&str, usize, f64) = ("16 MiB POST in 256 chunks", 16 * MIB, 1.02);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, len, _) in CASES {
        in_one_piece(&mut criterion, name, len);
    }
    in_chunks(&mut criterion, CHUNKS.0, CHUNKS.1);
    by_api_key(&mut criterion);
    criterion.final_summary();

    println!("{:<28} {:>8} {:>8}", "layer / bare hash", "ratio", "goal");
    for (name, _, goal) in CASES.into_iter().chain([CHUNKS]) {
        if let Some(ratio) = median(name, "layer").zip(median(name, "bare")).map(|(layer, bare)| layer / bare) {
            println!("{name:<28} {ratio:>8.2} {goal:>8.2}");
        }
    }
}

fn in_one_piece(criterion: &mut Criterion, name: &str, len: usize) {
    let body = Bytes::from(vec![b'x'; len]);
    let method = if len == 0 { "GET" } else { "POST" };
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function("bare", |bencher| bencher.iter(|| bare_hash(method, [&body[..]].into_iter())));
    group.bench_function("layer", |bencher| {
        let mut service = layer().layer(service_fn(nothing));
        let request = request(method, PATH, Full::new(body.clone()));
        bencher.iter_batched(|| request.clone(), |request| drive(service.call(request)), BatchSize::NumIterations(100));
    });
}

/// A long body in many chunks, which stay chunks.
fn in_chunks(criterion: &mut Criterion, name: &str, len: usize) {
    let chunks: Vec<Bytes> = (0..=255).map(|i| vec![i; len / 256].into()).collect();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(len as u64)).sample_size(20);
    group.bench_function("bare", |bencher| bencher.iter(|| bare_hash("POST", chunks.iter().map(|chunk| &chunk[..]))));
    group.bench_function("layer", |bencher| {
        let mut service = layer().rebuild_body(Chunked::Read).layer(service_fn(nothing));
        let request = || request("POST", PATH, Chunked::Given(chunks.clone().into_iter()));
        bencher.iter_batched(request, |request| drive(service.call(request)), BatchSize::PerIteration);
    });
}

/// What the layer costs where there is nothing to sign.
fn by_api_key(criterion: &mut Criterion) {
    criterion.bench_function("API key GET", |bencher| {
        let mut service = layer().layer(service_fn(nothing));
        let request = request("GET", "management/logs", Full::<Bytes>::default());
        bencher.iter_batched(|| request.clone(), |request| drive(service.call(request)), BatchSize::NumIterations(100));
    });
}

/// The hashing that every implementation has to do.
fn bare_hash<'a>(method: &str, chunks: impl Iterator<Item = &'a [u8]>) -> ([u8; 32], [u8; 20]) {
    let mut sha256 = Sha256::new();
    chunks.for_each(|chunk| sha256.update(black_box(chunk)));
    let mut mac = Hmac::<Sha1>::new_from_slice(black_box(KEY.as_bytes())).expect("HMAC takes any key");
    let digest_text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for part in [method, "application/json", "Thu, 17 Aug 2017 20:16:24 GMT", PATH, digest_text] {
        mac.update(black_box(part.as_bytes()));
    }
    (sha256.finalize().into(), mac.finalize().into_bytes().into())
}

fn layer() -> LogentriesAuthLayer {
    let credentials = Credentials::owner(ID, KEY).and_then(|credentials| credentials.with_read_only(KEY));
    LogentriesAuthLayer::new(credentials.expect("good keys"))
}

/// A request whose header map has room, as a client's has that sets headers of its own.
fn request<B>(method: &str, path: &str, body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri(format!("{HOST}{path}")).body(body).expect("a request");
    *request.headers_mut() = HeaderMap::with_capacity(8);
    request
}

/// The service below: it answers with the request, so that dropping it is not timed.
async fn nothing<B>(request: Request<B>) -> Result<Response<Request<B>>, Infallible> {
    Ok(Response::new(request))
}

fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// A body in chunks, before it is read and after.
enum Chunked {
    Given(std::vec::IntoIter<Bytes>),
    Read(BufferedBody),
}

impl Body for Chunked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Given(chunks) => Poll::Ready(chunks.next().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Read(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Given(chunks) => SizeHint::with_exact(chunks.as_slice().iter().map(|chunk| chunk.len() as u64).sum()),
            Self::Read(body) => body.size_hint(),
        }
    }
}

/// The median of a case that was just timed, in nanoseconds.
fn median(group: &str, function: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = target.join("criterion").join(group).join(function).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
