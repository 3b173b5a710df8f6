//! What verifying costs beside the hashing that it can't do without.
//!
//!     cargo bench --bench verifying
//!
//! Each case times the bare hash and the layer around a service that does nothing, in turns.

mod support;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer};

use support::{
    LOGS, MIB, USERS, bare_hash, credentials, drive, nothing, request,
    turns::{median_ns, rounds, spread, take_turns, time},
};

/// The signed cases: the length of the body, and how many requests a round has.
const SIGNED: [(&str, usize, usize); 3] =
    [("signed empty GET", 0, 2_000), ("signed 200-byte POST", 200, 2_000), ("signed 1 MiB POST", MIB, 10)];

fn main() {
    println!("verifying: median of {} interleaved rounds (quartiles)", rounds());
    for (name, len, requests) in SIGNED {
        let body = Bytes::from(vec![b'x'; len]);
        let method = if len == 0 { "GET" } else { "POST" };
        let signed = signed(request(method, USERS, Full::new(body.clone())));
        let mut layer = LogentriesVerifyLayer::new(credentials()).layer(service_fn(nothing));
        let times: Vec<[_; 2]> = take_turns(rounds(), |contender| match contender {
            0 => time(requests, || (), |()| bare_hash(method, [&body[..]].into_iter())),
            _ => time(requests, || signed.clone(), |request| drive(layer.call(request))),
        });
        let [bare, layer] = [0, 1].map(|contender| median_ns(times.iter().map(|t| t[contender]), requests));
        println!("{name}: bare hash {bare}, layer {layer}");
        println!("    layer / bare hash {}", spread(times.iter().map(|[bare, layer]| layer.div_duration_f64(*bare))));
    }
    by_api_key();
}

fn by_api_key() {
    let with_key = signed(request("GET", LOGS, Full::default()));
    let mut layer = LogentriesVerifyLayer::new(credentials()).layer(service_fn(nothing));
    let times: Vec<[_; 1]> =
        take_turns(rounds(), |_| time(2_000, || with_key.clone(), |request| drive(layer.call(request))));
    println!("API key GET: layer {}", median_ns(times.iter().map(|[layer]| *layer), 2_000));
}

/// What the signing layer makes of a request, which the verifying layer lets pass.
fn signed(request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let mut signer = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
    let signed = *drive(signer.call(request)).expect("a signed request").into_body();
    let mut verifier = LogentriesVerifyLayer::new(credentials()).layer(service_fn(nothing));
    let response = drive(verifier.call(signed.clone())).expect("an answer");
    assert!(response.status().is_success(), "what is timed is the way through");
    signed
}
