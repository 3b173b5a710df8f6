//! What threads cost each other that share one layer: its credentials, its clocks of origins, its date.
//!
//!     cargo bench --bench contention
//!
//! Each of 1, 2, 4 and 8 threads sends requests through a clone of one layer, and then through a layer of its own, with and
//! without new credentials each millisecond. Printed is the throughput of the shared layer over that of independent ones:
//! the median over interleaved rounds, and the quartiles. More threads than cores take turns, so only as many threads as
//! there are cores contend at once; that number is printed too.

#[allow(dead_code)] // which the other benchmarks use
mod support;

use std::{
    iter::repeat_with,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{CredentialsHandle, LogentriesAuthLayer};

use support::{
    LOGS, USERS, credentials, drive, nothing, request,
    turns::{rounds, spread, take_turns},
};

const CASES: [(&str, &str); 2] = [("signed GET", USERS), ("API key GET", LOGS)];
/// The contender whose threads share one layer.
const SHARED: usize = 0;

fn main() {
    let rounds = rounds();
    let requests = if rounds == 1 { 100 } else { 10_000 };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "throughput of a shared layer over independent ones, median of {rounds} rounds (quartiles), {cores} cores"
    );
    for (case, path) in CASES {
        for rotates in [false, true] {
            for threads in [1, 2, 4, 8] {
                let times: Vec<[_; 2]> = take_turns(rounds, |contender| {
                    let layer = || LogentriesAuthLayer::new(credentials());
                    let layers = if contender == SHARED {
                        vec![layer(); threads]
                    } else {
                        repeat_with(layer).take(threads).collect()
                    };
                    time(&layers, path, rotates, requests)
                });
                let ratios = spread(times.iter().map(|[shared, independent]| independent.div_duration_f64(*shared)));
                let rotation = if rotates { "rotation each ms" } else { "no rotation" };
                println!("{case:<14} {rotation:<18} {threads} threads  {ratios}");
            }
        }
    }
}

/// The time that a thread for each layer takes to send so many requests through it: from the first thread's start to the
/// last one's end, as they tell it, since this thread may have to wait for a core.
fn time(layers: &[LogentriesAuthLayer], path: &str, rotates: bool, requests: usize) -> Duration {
    let (barrier, done) = (Barrier::new(layers.len()), AtomicBool::new(false));
    thread::scope(|scope| {
        let send = |layer: &LogentriesAuthLayer| {
            let mut service = layer.layer(service_fn(nothing));
            barrier.wait();
            let started = Instant::now();
            for _ in 0..requests {
                assert!(drive(service.call(request("GET", path, Full::<Bytes>::default()))).is_ok());
            }
            (started, Instant::now())
        };
        let threads: Vec<_> = layers.iter().map(|layer| scope.spawn(move || send(layer))).collect();
        if rotates {
            let handles: Vec<_> = layers.iter().map(LogentriesAuthLayer::credentials_handle).collect();
            let done = &done;
            scope.spawn(move || rotate(&handles, done));
        }
        let times: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("every request is sent")).collect();
        done.store(true, Relaxed);
        let (first, last) = (times.iter().map(|time| time.0).min(), times.iter().map(|time| time.1).max());
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first)
    })
}

fn rotate(handles: &[CredentialsHandle], done: &AtomicBool) {
    while !done.load(Relaxed) {
        handles.iter().for_each(|handle| handle.replace(credentials()));
        thread::sleep(Duration::from_millis(1));
    }
}
