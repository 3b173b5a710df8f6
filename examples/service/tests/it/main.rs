//! The service, run as its users run it: processes serve, others manage its keys.
//!
//! Its keys are in SQLite, or in Postgres if `SERVICE_DATABASE_URL` has the URL of one. The tests of replicas start
//! `redis-server` or `valkey-server`, and are ignored otherwise: `cargo test -- --include-ignored`.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

mod support;

mod accounts;
mod load;
mod operations;
mod replicas;
