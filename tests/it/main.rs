//! What the crate does for its users, over real clients and servers on loopback.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod vectors;

// Sending.
mod access;
mod bodies;
mod credentials;
mod headers;
mod origins;
mod stacks;

// Sending with other clients.
#[cfg(feature = "reqwest-middleware")]
mod redirects;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_clients;
mod retries;

// Verifying.
mod ambiguity;
#[cfg(feature = "axum")]
mod axum_apps;
mod properties;
mod refusals;
mod round_trip;

// Running for long.
mod clocks;
mod load;
#[cfg(feature = "tracing")]
mod logs;
mod rotation;

// Failing.
mod faults;
mod leaks;
mod parsers;

mod examples;
