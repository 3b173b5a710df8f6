//! What the crate does for its users, over real clients and servers on loopback. The modules mirror those of `src/`.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod access;
mod replay;
mod server;

// Both layers.
mod round_trip;
mod texts;
