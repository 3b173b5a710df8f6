//! What one signature costs, beside the signers of other schemes. In this folder:
//!
//!     cargo bench
//!
//! The schemes differ, so a ratio says what a request costs a client of each, not how well each is written. All four
//! take one request with a Content-Type and a body in memory, hash the body with SHA-256, sign for the time that it is,
//! and leave their headers in the request. They share one build of `sha2` and of `hmac`; in it states are wiped, as the
//! library asks, which takes the peers no time that shows. Keys are set up once, and requests are made and dropped
//! outside of the timing.
//!
//! - `tower-logentries-auth` has the least to sign: HMAC-SHA1 over five parts, in base64, no query, no header but two.
//!   It keeps the keyed HMAC state, and the text of the date for its second, and does not hash an empty body. It alone
//!   chooses the key by the resource, checks the origin, limits the body, calls a service, and watches the response for
//!   a clock that is off.
//! - `aws-sigv4` writes a canonical request (path normalized, query sorted, headers sorted and signed with the host),
//!   hashes it, and signs the hash, in hex. That takes five HMAC-SHA256: four derive the key of the day, which is not
//!   kept. The body is handed over as bytes. Its view of the request, for which the URI is printed and parsed, and its
//!   parameters, which hold the time, are made for each request: that is timed.
//! - `reqsign-aws-v4` signs by the same scheme, the digest's header too, which the caller sets: hashing the body for
//!   it, with the crate's own function, is timed. Its `Signer` also locks, checks and clones the credential, and signs
//!   a copy of the head behind a boxed future.
//! - `httpsig-hyper` is RFC 9421: method, path and three headers as structured fields, a second header that lists them,
//!   and HMAC-SHA256 keyed afresh. It collects the body, sets Content-Digest and boxes the body again. The list is
//!   parsed once. The Date is the caller's to set, and formatted for each request: that is timed.

mod signers;

use std::process::Command;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use http::Request;

use signers::{CASES, Measure, OURS, SIGNERS, measure_each, support::ratio::median};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (case, len) in CASES {
        let mut group = criterion.benchmark_group(case);
        group.throughput(Throughput::Bytes(len as u64));
        measure_each(len, &mut Timing { group });
    }
    criterion.final_summary();
    print_table(&allocations());
}

struct Timing<'a> {
    group: BenchmarkGroup<'a, WallTime>,
}

impl Measure for Timing<'_> {
    fn measure<B, O>(&mut self, signer: &str, request: impl Fn() -> Request<B>, mut sign: impl FnMut(Request<B>) -> O) {
        self.group.bench_function(signer, |bencher| {
            bencher.iter_batched(&request, &mut sign, BatchSize::NumIterations(100));
        });
    }
}

/// A line for each case and signer, from a process of its own.
fn allocations() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_allocations")).output().expect("the other executable");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn print_table(allocations: &str) {
    println!("{:<15} {:<22} {:>12} {:>7} {:>12}", "case", "signer", "median", "/ ours", "allocations");
    for (case, _) in CASES {
        for signer in SIGNERS {
            let Some((time, ours)) = median(case, signer).zip(median(case, OURS)) else { continue };
            let line = allocations.lines().find_map(|line| line.strip_prefix(&format!("{case}\t{signer}\t")));
            let (time, ratio, count) = (time / 1000.0, time / ours, line.unwrap_or("?"));
            println!("{case:<15} {signer:<22} {time:>9.2} µs {ratio:>7.2} {count:>12}");
        }
    }
}
