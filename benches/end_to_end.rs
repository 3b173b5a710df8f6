//! What the layers cost a client and a server: over loopback, with 1 and with 64 requests in flight, an empty GET and a
//! POST of 11 bytes.
//!
//!     cargo bench --all-features --bench end_to_end              # both sides
//!     cargo bench --all-features --bench end_to_end -- server    # the server's alone

#[path = "support/client_side.rs"]
mod client_side;
#[path = "support/server_side.rs"]
mod server_side;
#[allow(dead_code)] // which the other benchmarks use
mod support;

use tokio::runtime::Runtime;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    if !std::env::args().any(|argument| argument == "server") {
        client_side::run(&runtime);
    }
    server_side::run(&runtime);
}
