//! Prints how often each signer allocates for one signature.

mod signers;

use allocation_counter::measure;
use http::Request;

use signers::{CASES, Measure, measure_each};

/// How many are counted, as what is done once a second is not part of each.
const SIGNATURES: usize = 100;

fn main() {
    for (case, len) in CASES {
        measure_each(len, &mut Count { case });
    }
}

struct Count {
    case: &'static str,
}

impl Measure for Count {
    fn measure<B, O>(&mut self, signer: &str, request: impl Fn() -> Request<B>, mut sign: impl FnMut(Request<B>) -> O) {
        sign(request());
        let requests = Vec::from_iter((0..SIGNATURES).map(|_| request()));
        let info = measure(|| requests.into_iter().for_each(|request| drop(sign(request))));
        println!("{}\t{signer}\t{:.0}", self.case, info.count_total as f64 / SIGNATURES as f64);
    }
}
