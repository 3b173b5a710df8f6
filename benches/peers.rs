//! What one request costs a client and a server, beside other crates' schemes. In this folder:
//!
//!     cargo bench                 # prints a table, and writes results.json
//!     python3 chart.py            # draws ../src/guide/peers.svg from it
//!
//! Machines and moments differ by more than crates do. So each round times every peer in turn, a ratio is one of two times
//! of the same round, and what is printed is the median over the rounds.
//!
//! The schemes differ, so a ratio says what a request costs with each, not how well each is written. All take one request
//! with a Content-Type and a body in memory. They share one build of `sha2` and of `hmac`. It wipes states, as the
//! library asks, which costs the peers no measurable time. Keys are set up once, and requests are made and dropped
//! outside of the timing. `src/signers.rs` and `src/verifiers.rs` say what each does.

use std::{env, fs, process::Command, time::Instant};

use benches::peer::{CASES, OURS, Peer, sides};
use serde_json::{Value, json};

/// How many requests are timed at once: a long one alone, because a longer batch is interrupted more often than not.
const BATCH: usize = 100;

fn main() {
    // Without `--bench`, as in a test run, it only shows that all of this works.
    let rounds = if env::args().any(|argument| argument == "--bench") { 61 } else { 1 };
    let allocations = allocations();
    let mut results = Vec::new();
    println!("{:<8} {:<15} {:<24} {:>12} {:>7} {:>12}", "side", "case", "crate", "median", "/ ours", "allocations");
    for (case, len) in CASES {
        for (side, peers) in sides(len) {
            for (peer, ns, ratio) in time(peers, rounds, len) {
                let line = allocations.lines().find_map(|line| line.strip_prefix(&format!("{side}\t{case}\t{peer}\t")));
                let count: f64 = line.and_then(|count| count.parse().ok()).expect("each was counted");
                println!("{side:<8} {case:<15} {peer:<24} {:>9.2} µs {ratio:>7.2} {count:>12}", ns / 1000.0);
                results.push(json!({
                    "side": side, "case": case, "crate": peer, "median_ns": ns.round(), "ratio": (ratio * 100.0).round() / 100.0,
                    "allocations": count,
                }));
            }
        }
    }
    if rounds > 1 {
        let results = serde_json::to_string_pretty(&Value::Array(results)).expect("JSON");
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/results.json"), results + "\n").expect("a file");
    }
}

/// The name of each peer, the median of its times in nanoseconds, and of their ratios to ours.
fn time(mut peers: Vec<Peer>, rounds: usize, len: usize) -> Vec<(&'static str, f64, f64)> {
    let batch = if len > 4096 { 1 } else { BATCH };
    let mut times = vec![Vec::new(); peers.len()];
    for round in 0..rounds {
        for place in 0..peers.len() {
            // Each is first in turn.
            let turn = (round + place) % peers.len();
            let elapsed = (peers[turn].batch)(batch, &|work| {
                let started = Instant::now();
                work();
                started.elapsed().as_nanos() as f64
            });
            times[turn].push(elapsed / batch as f64);
        }
    }
    let ours = peers.iter().position(|peer| peer.name == OURS).expect("we are one of them");
    let ratios = |peer: usize| times[peer].iter().zip(&times[ours]).map(|(one, ours)| one / ours).collect();
    (0..peers.len()).map(|peer| (peers[peer].name, median(times[peer].clone()), median(ratios(peer)))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A line for each side, case and peer, from a process of its own.
fn allocations() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_allocations")).output().expect("the other executable");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
