//! What the crate does for its users, over real clients and servers on loopback. The modules mirror those of `src/`.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod access;
mod access_table;
mod body;
mod canonical;
mod credentials;
mod replay;
mod sign;
mod verify;

// Both layers.
mod auto_traits;
mod readiness;
mod round_trip;
mod secrets;
mod texts;

// The layers in use.
mod clients;
mod faults;
mod operations;
