//! What signing costs beside the hashing that it can't do without.
//!
//!     cargo bench --bench signing
//!
//! Each case times the bare hash, the leanest signer and the layer around a service that does nothing. The ratios are
//! printed at the end.

mod support;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{BufferedBody, LogentriesAuthLayer};

use support::{
    LOGS, MIB, USERS, bare_hash, credentials, drive, leanest::Leanest, nothing, ratio::print_ratio, request,
};

/// The cases, with the length of the body and what the layer may cost beside the bare hash.
const CASES: [(&str, usize, &str); 3] = [
    ("empty GET", 0, "goal: 2.1 at most"),
    ("200-byte POST", 200, "goal: 1.9 at most"),
    ("1 MiB POST", MIB, "goal: 1.02 at most"),
];
const IN_CHUNKS: (&str, usize, &str) = ("16 MiB POST in 256 chunks", 16 * MIB, "goal: 1.02 at most");

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, len, _) in CASES {
        in_one_piece(&mut criterion, name, len);
    }
    in_chunks(&mut criterion, IN_CHUNKS.0, IN_CHUNKS.1);
    by_api_key(&mut criterion);
    criterion.final_summary();
    for (name, _, goal) in CASES.into_iter().chain([IN_CHUNKS]) {
        print_ratio(name, "layer", "bare", goal);
    }
    for (name, ..) in CASES {
        print_ratio(name, "layer", "leanest", "goal: 1.35 at most");
    }
}

fn in_one_piece(criterion: &mut Criterion, name: &str, len: usize) {
    let body = Bytes::from(vec![b'x'; len]);
    let method = if len == 0 { "GET" } else { "POST" };
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function("bare", |bencher| bencher.iter(|| bare_hash(method, [&body[..]].into_iter())));
    // Made anew each time: the header map of a clone has no room.
    let request = || request(method, USERS, Full::new(body.clone()));
    group.bench_function("leanest", |bencher| {
        let mut service = Leanest::new(service_fn(nothing), SystemTime::now);
        bencher.iter_batched(request, |request| drive(service.call(request)), BatchSize::NumIterations(100));
    });
    group.bench_function("layer", |bencher| {
        let mut service = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
        bencher.iter_batched(request, |request| drive(service.call(request)), BatchSize::NumIterations(100));
    });
}

/// A long body in many chunks, each in memory of its own, which stay chunks.
fn in_chunks(criterion: &mut Criterion, name: &str, len: usize) {
    let chunks = || (0..=255).map(|i| vec![i; len / 256].into());
    let hashed: Vec<Bytes> = chunks().collect();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(len as u64)).sample_size(20);
    group.bench_function("bare", |bencher| bencher.iter(|| bare_hash("POST", hashed.iter().map(|chunk| &chunk[..]))));
    group.bench_function("layer", |bencher| {
        let layer = LogentriesAuthLayer::new(credentials()).rebuild_body(Chunked::Read);
        let mut service = layer.layer(service_fn(nothing));
        let request = || request("POST", USERS, Chunked::Given(chunks().collect::<Vec<_>>().into_iter()));
        bencher.iter_batched(request, |request| drive(service.call(request)), BatchSize::PerIteration);
    });
}

/// What the layer costs where there is nothing to sign.
fn by_api_key(criterion: &mut Criterion) {
    criterion.bench_function("API key GET", |bencher| {
        let mut service = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
        let request = || request("GET", LOGS, Full::<Bytes>::default());
        bencher.iter_batched(request, |request| drive(service.call(request)), BatchSize::NumIterations(100));
    });
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
