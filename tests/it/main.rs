//! What the crate does for its users, over real clients and servers on loopback. The modules mirror those of `src/`.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod access;
mod body;
mod client;
mod credentials;
mod explain;
mod replay;
mod retry;
mod scheme;
mod server;

// Both layers.
mod auto_traits;
mod faults;
mod load;
mod readiness;
mod round_trip;
mod secrets;
mod texts;

// The layers in use.
mod examples;
