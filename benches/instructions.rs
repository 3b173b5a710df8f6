//! What the layers cost in instructions and cache misses, which a simulated processor counts: machines and moments do not
//! change them.
//!
//!     .ci/instructions
//!
//! Each case is one request through a service that does nothing, bare or behind a layer that has served before. The
//! functions that compress blocks of SHA-1 and SHA-256 are left out. `.ci/instructions` subtracts the bare service and
//! compares what is left with `instructions.json`.
#![allow(missing_docs, unused_qualifications)] // in what the macros write

#[allow(dead_code)] // which the other benchmarks use
mod support;

use std::{
    hint::black_box,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use http::{HeaderMap, Request};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer, sign::UntrustedOrigins};

use support::{LOGS, USERS, credentials, drive, leanest::Leanest, nothing, request};

type Req = Request<Full<Bytes>>;

/// A service and its next request.
struct Case<S: Service<Req>> {
    service: S,
    request: Option<Req>,
    response: Option<Result<S::Response, S::Error>>,
}

trait Run {
    /// Sends the request, and keeps the response, so that dropping it is not counted.
    fn run(&mut self);
}

impl<S: Service<Req>> Run for Case<S> {
    fn run(&mut self) {
        self.response = self.request.take().map(|request| drive(self.service.call(request)));
    }
}

fn case(mut service: impl Service<Req> + 'static, request: fn() -> Req) -> Box<dyn Run> {
    // What is done once, such as formatting the date of a second, is not part of each request.
    for _ in 0..3 {
        assert!(drive(service.call(request())).is_ok());
    }
    Box::new(Case { service, request: Some(request()), response: None })
}

fn bare(request: fn() -> Req) -> Box<dyn Run> {
    case(service_fn(nothing), request)
}

fn leanest(request: fn() -> Req) -> Box<dyn Run> {
    case(Leanest::new(service_fn(nothing), clock), request)
}

fn sign(request: fn() -> Req) -> Box<dyn Run> {
    let layer = LogentriesAuthLayer::new(credentials()).clock(clock);
    case(layer.untrusted_origins(UntrustedOrigins::StripCredentials).layer(service_fn(nothing)), request)
}

fn verify(request: fn() -> Req) -> Box<dyn Run> {
    case(LogentriesVerifyLayer::new(credentials()).clock(clock).layer(service_fn(nothing)), request)
}

fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_503_000_984)
}

fn get() -> Req {
    request("GET", USERS, Full::default())
}

fn post() -> Req {
    request("POST", USERS, Full::from(vec![b'x'; 200]))
}

fn api_key() -> Req {
    request("GET", LOGS, Full::default())
}

fn untrusted_origin() -> Req {
    let mut request = Request::get("https://example.com/management/logs").body(Full::default()).expect("a request");
    *request.headers_mut() = HeaderMap::with_capacity(8);
    request
}

fn signed(request: Req) -> Req {
    let mut signer = LogentriesAuthLayer::new(credentials()).clock(clock).layer(service_fn(nothing));
    *drive(signer.call(request)).expect("a signed request").into_body()
}

fn signed_get() -> Req {
    signed(get())
}

fn signed_post() -> Req {
    signed(post())
}

fn with_api_key() -> Req {
    signed(api_key())
}

#[library_benchmark]
#[bench::bare(bare(get))]
#[bench::leanest_get(leanest(get))]
#[bench::leanest_post(leanest(post))]
#[bench::sign_get(sign(get))]
#[bench::sign_post(sign(post))]
#[bench::sign_api_key(sign(api_key))]
#[bench::sign_untrusted_origin(sign(untrusted_origin))]
#[bench::verify_get(verify(signed_get))]
#[bench::verify_post(verify(signed_post))]
#[bench::verify_api_key(verify(with_api_key))]
#[bench::verify_rejected(verify(get))]
fn requests(mut case: Box<dyn Run>) -> Box<dyn Run> {
    black_box(&mut case).run();
    case
}

library_benchmark_group!(name = layers, benchmarks = requests);

/// The functions that compress blocks. Collection is switched on in the benchmarked function, and off in these; what they
/// switched on before it is zeroed.
const LEFT_OUT: [&str; 3] = [
    "--zero-before=*::__gungraun_wrapper_id_mod*",
    "--toggle-collect=sha1::block_api::compress*",
    "--toggle-collect=sha2::sha256::compress256*",
];

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(LEFT_OUT)),
    library_benchmark_groups = layers
);
