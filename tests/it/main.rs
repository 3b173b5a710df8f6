//! What the crate does for its users, over real clients and servers on loopback.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod vectors;

mod auto_traits;
mod clients;
mod operations;
mod replay;
mod sign;
mod verify;

// Sending.
mod access;
mod bodies;
mod buffering;
mod connections;
mod credentials;
mod environment;
mod errors;
mod headers;
mod origins;
mod readiness;
mod stacks;

// Sending with other clients.
#[cfg(feature = "reqwest-middleware")]
mod redirects;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_clients;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_requests;
mod retries;

// Verifying.
mod ambiguity;
#[cfg(feature = "axum")]
mod axum_apps;
mod hyper_servers;
mod key_stores;
mod order;
mod paths;
mod properties;
mod raw_requests;
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

// Running.
mod examples;
mod gateway;
mod python;
