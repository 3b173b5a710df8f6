//! One request through a service that does nothing, bare or behind a layer that has served before.
//!
//!     ../.ci/instructions
//!
//! That script runs each case under callgrind, which simulates a processor, so that machines and moments change nothing.
//! It counts what `counted` does, without the functions that compress blocks of SHA-1 and SHA-256, subtracts the
//! bare service, and compares what is left with `instructions.json`.

use std::{
    env,
    hint::black_box,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use benches::{LOGS, USERS, credentials, drive, leanest::Leanest, nothing, request};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer};

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
    case(LogentriesAuthLayer::new(credentials()).clock(clock).layer(service_fn(nothing)), request)
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

fn signed(request: Req) -> Req {
    let mut signer = LogentriesAuthLayer::new(credentials()).clock(clock).layer(service_fn(nothing));
    *drive(signer.call(request)).expect("a signed request").into_body()
}

type Make = fn() -> Box<dyn Run>;

const CASES: [(&str, Make); 9] = [
    ("bare", || bare(get)),
    ("leanest_get", || leanest(get)),
    ("leanest_post", || leanest(post)),
    ("sign_get", || sign(get)),
    ("sign_post", || sign(post)),
    ("sign_api_key", || sign(api_key)),
    ("verify_get", || verify(|| signed(get()))),
    ("verify_post", || verify(|| signed(post()))),
    ("verify_api_key", || verify(|| signed(api_key()))),
];

/// Runs the case that the argument names; without one, lists them.
fn main() {
    let Some(name) = env::args().nth(1) else { return CASES.iter().for_each(|(name, _)| println!("{name}")) };
    let (_, case) = CASES.iter().find(|(case, _)| *case == name).expect("one of the cases that are listed");
    zeroed(&mut *case());
}

/// Callgrind forgets what it counted before this is entered.
#[inline(never)]
fn zeroed(case: &mut dyn Run) {
    counted(black_box(case));
}

/// Callgrind counts from where this is entered until it is left.
#[inline(never)]
fn counted(case: &mut dyn Run) {
    black_box(&mut *case).run();
    black_box(case); // or the call would be a jump, which ends this function
}
