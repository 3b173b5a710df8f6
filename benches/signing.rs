//! What signing costs beside the hashing that it can't do without.
//!
//!     cargo bench --bench signing
//!
//! Each case times the bare hash, the leanest signer and the layer around a service that does nothing, in turns.

mod support;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{BufferedBody, LogentriesAuthLayer};

use support::{
    LOGS, MIB, USERS, bare_hash, credentials, drive,
    leanest::Leanest,
    nothing, request,
    turns::{median_ns, rounds, spread, take_turns, time},
};

/// The cases: the length of the body, how many requests a round has, and what the layer may cost beside the bare hash.
const CASES: [(&str, usize, usize, f64); 3] =
    [("empty GET", 0, 2_000, 2.1), ("200-byte POST", 200, 2_000, 1.9), ("1 MiB POST", MIB, 10, 1.02)];

fn main() {
    println!("signing: median of {} interleaved rounds (quartiles)", rounds());
    for (name, len, requests, goal) in CASES {
        in_one_piece(name, len, requests, goal);
    }
    in_chunks();
    by_api_key();
}

fn in_one_piece(name: &str, len: usize, requests: usize, goal: f64) {
    let body = Bytes::from(vec![b'x'; len]);
    let method = if len == 0 { "GET" } else { "POST" };
    // Made anew each time: the header map of a clone has no room.
    let request = || request(method, USERS, Full::new(body.clone()));
    let mut leanest = Leanest::new(service_fn(nothing), SystemTime::now);
    let mut layer = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
    let times: Vec<[_; 3]> = take_turns(rounds(), |contender| match contender {
        0 => time(requests, || (), |()| bare_hash(method, [&body[..]].into_iter())),
        1 => time(requests, request, |request| drive(leanest.call(request))),
        _ => time(requests, request, |request| drive(layer.call(request))),
    });
    let [bare, leanest, layer] = [0, 1, 2].map(|contender| median_ns(times.iter().map(|t| t[contender]), requests));
    println!("{name}: bare hash {bare}, leanest signer {leanest}, layer {layer}");
    print_ratio("bare hash", times.iter().map(|[bare, _, layer]| (*layer, *bare)), goal);
    print_ratio("leanest signer", times.iter().map(|[_, leanest, layer]| (*layer, *leanest)), 1.35);
}

/// A long body in many chunks, each in memory of its own, which stay chunks.
fn in_chunks() {
    let chunks = || (0..=255).map(|i| vec![i; MIB / 16].into()).collect::<Vec<Bytes>>();
    let hashed = chunks();
    let layer = LogentriesAuthLayer::new(credentials()).rebuild_body(Chunked::Read);
    let mut layer = layer.layer(service_fn(nothing));
    let request = || request("POST", USERS, Chunked::Given(chunks().into_iter()));
    let times: Vec<[_; 2]> = take_turns(rounds(), |contender| match contender {
        0 => time(1, || (), |()| bare_hash("POST", hashed.iter().map(|chunk| &chunk[..]))),
        _ => time(1, request, |request| drive(layer.call(request))),
    });
    println!("16 MiB POST in 256 chunks");
    print_ratio("bare hash", times.iter().map(|[bare, layer]| (*layer, *bare)), 1.02);
}

/// What the layer costs where there is nothing to sign.
fn by_api_key() {
    let mut layer = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
    let request = || request("GET", LOGS, Full::<Bytes>::default());
    let times: Vec<[_; 1]> = take_turns(rounds(), |_| time(2_000, request, |request| drive(layer.call(request))));
    println!("API key GET: layer {}", median_ns(times.iter().map(|[layer]| *layer), 2_000));
}

/// Prints how much longer the first of each pair took than the second.
fn print_ratio(other: &str, pairs: impl Iterator<Item = (Duration, Duration)>, goal: f64) {
    let ratios = spread(pairs.map(|(layer, other)| layer.div_duration_f64(other)));
    println!("    layer / {other:<14} {ratios}   goal: {goal} at most");
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
