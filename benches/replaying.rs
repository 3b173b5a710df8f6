//! What the guard in memory costs a request: to record a signature that is new, by one thread and by 64.
//!
//!     cargo bench --bench replaying
//!
//! The verifying layer's own cost is in `verifying`. Of the 64 threads' time, the ratio to one thread's is printed: with as
//! many cores as threads and no contention it would be 1/64, on two cores 1/2.

#[allow(dead_code)] // which the other benchmarks use
mod support;

use std::{convert::Infallible, hint::black_box, thread, time::Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{
    LogentriesAuthLayer, LogentriesVerifyLayer,
    replay::{MemoryReplayGuard, ReplayGuard},
    verify::VerifiedSignature,
};

use support::{
    USERS, credentials, drive, nothing, request,
    turns::{median_ns, rounds, spread, take_turns},
};

const SIGNATURES: usize = 64_000;
const THREADS: usize = 64;

fn main() {
    let signatures = signatures();
    let times: Vec<[_; 2]> = take_turns(rounds(), |contender| {
        let threads = [1, THREADS][contender];
        let guard = MemoryReplayGuard::new();
        let started = Instant::now();
        thread::scope(|scope| {
            for share in signatures.chunks(SIGNATURES / threads) {
                scope.spawn(|| share.iter().for_each(|signature| record(&guard, signature)));
            }
        });
        let time = started.elapsed();
        assert_eq!(guard.len(), SIGNATURES, "what is timed is the recording of new signatures");
        time
    });
    let [one, many] = [0, 1].map(|contender| median_ns(times.iter().map(|times| times[contender]), SIGNATURES));
    println!("a signature: 1 thread {one}, {THREADS} threads {many}, median of {} interleaved rounds", times.len());
    println!(
        "    {THREADS} threads / 1 thread {}",
        spread(times.iter().map(|[one, many]| many.div_duration_f64(*one)))
    );
}

fn record(guard: &MemoryReplayGuard, signature: &VerifiedSignature) {
    let recorded = drive(guard.record(black_box(signature.clone())));
    black_box(recorded.is_ok());
}

/// What the verifying layer left in the extensions of as many different requests.
fn signatures() -> Vec<VerifiedSignature> {
    let mut signer = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
    let mut verifier = LogentriesVerifyLayer::new(credentials()).layer(service_fn(keep_signature));
    let signature = |n| {
        let request = request("POST", &format!("{USERS}/{n}"), Full::<Bytes>::default());
        let signed = *drive(signer.call(request)).expect("a signed request").into_body();
        drive(verifier.call(signed)).expect("an answer").extensions_mut().remove()
    };
    (0..SIGNATURES).map(signature).collect::<Option<_>>().expect("signatures in the extensions")
}

async fn keep_signature(mut request: Request<Full<Bytes>>) -> Result<Response<()>, Infallible> {
    let mut response = Response::new(());
    if let Some(signature) = request.extensions_mut().remove::<VerifiedSignature>() {
        response.extensions_mut().insert(signature);
    }
    Ok(response)
}
