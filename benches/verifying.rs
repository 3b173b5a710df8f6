//! What verifying costs beside the hashing that it can't do without.
//!
//!     cargo bench --bench verifying
//!
//! The layer's ratio to the bare hash is printed at the end.

mod support;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use http::Request;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer};

use support::{LOGS, MIB, USERS, bare_hash, credentials, drive, nothing, ratio::print_ratio, request};

const SIGNED: [(&str, usize); 3] = [("signed empty GET", 0), ("signed 200-byte POST", 200), ("signed 1 MiB POST", MIB)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, len) in SIGNED {
        let body = Bytes::from(vec![b'x'; len]);
        let method = if len == 0 { "GET" } else { "POST" };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("bare", |bencher| bencher.iter(|| bare_hash(method, [&body[..]].into_iter())));
        group.bench_function("layer", |bencher| verify(bencher, request(method, USERS, Full::new(body.clone()))));
    }
    criterion.bench_function("API key", |bencher| verify(bencher, request("GET", LOGS, Full::default())));
    criterion.final_summary();
    for (name, _) in SIGNED {
        print_ratio(name, "layer", "bare", "");
    }
}

/// Times the verifying layer on a request that the signing layer made.
fn verify(bencher: &mut criterion::Bencher<'_>, request: Request<Full<Bytes>>) {
    let mut signer = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
    let signed = *drive(signer.call(request)).expect("a signed request").into_body();
    let mut service = LogentriesVerifyLayer::new(credentials()).layer(service_fn(nothing));
    let response = drive(service.call(signed.clone())).expect("an answer");
    assert!(response.status().is_success(), "what is timed is the way through");
    bencher.iter_batched(|| signed.clone(), |request| drive(service.call(request)), BatchSize::NumIterations(100));
}
