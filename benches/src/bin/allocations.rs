//! Prints how often each peer allocates for one request.

use allocation_counter::measure;
use benches::peer::{CASES, sides};

/// How many are counted, as what is done once a second is not part of each.
const REQUESTS: usize = 100;

fn main() {
    for (case, len) in CASES {
        for (side, peers) in sides(len) {
            for mut peer in peers {
                let mut count = || (peer.batch)(REQUESTS, &|work| measure(work).count_total as f64);
                count();
                println!("{side}\t{case}\t{}\t{:.0}", peer.name, count() / REQUESTS as f64);
            }
        }
    }
}
