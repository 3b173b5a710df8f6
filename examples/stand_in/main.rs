//! A stand-in for the API on this machine: try a client against it without an account.
//!
//!     cargo run --features explain --example stand_in                             # on a free port, which it prints
//!     cargo run --features explain --example stand_in -- 8080                     # on this port
//!     cargo run --features explain --example stand_in -- --clock-offset -600      # ten minutes behind
//!     cargo run --features explain --example stand_in -- --latency 300            # each answer takes 300 ms
//!     cargo run --features explain --example stand_in -- --rate-limit 20          # 429 after 20 requests, for 15 minutes
//!
//! It prints keys and three commands to try, and then each request: its key, and why it was rejected. It checks keys,
//! signatures and dates as the API does, and says which mistake an invalid signature was made with. What is created lives
//! in memory, until Ctrl-C. Queries take a few polls, and find the same events whatever their statement filters.
//!
//! The keys are those of the environment variables that `Credentials::from_env` reads, or made up if there is none. It
//! listens on 127.0.0.1 only.

mod first_steps;
mod requests;
mod server;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context;
use axum::middleware::from_fn;
use clap::{Parser, value_parser};
use tokio::net::TcpListener;
use tower_logentries_auth::{LogentriesVerifyLayer, server::Explain};

use crate::{
    first_steps::Keys,
    server::{RateLimit, Settings},
};

/// Serves a stand-in for the API on 127.0.0.1.
#[derive(Parser)]
struct Options {
    /// The port to listen on. A free one by default.
    #[arg(default_value_t = 0)]
    port: u16,
    /// How many seconds its clock is ahead. It is behind if this is negative.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    #[arg(value_parser = value_parser!(i64).range(-1_000_000_000..=1_000_000_000))]
    clock_offset: i64,
    /// How many milliseconds each answer takes longer.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// How many requests a key may send to an endpoint in a window. The next ones are answered with 429.
    #[arg(long, value_name = "REQUESTS")]
    rate_limit: Option<u32>,
    /// How many seconds a window lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 15 * 60)]
    rate_window: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { port, clock_offset, latency, rate_limit, rate_window } = Options::parse();
    let keys = Keys::from_env_or_made_up()?;
    let verify = LogentriesVerifyLayer::new(keys.credentials.clone()).explain_rejections(Explain::Response);
    let settings = Settings {
        clock_offset,
        latency: Duration::from_millis(latency),
        rate_limit: rate_limit.map(|requests| RateLimit { requests, window: Duration::from_secs(rate_window) }),
        ..Settings::new(verify)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    let origin = format!("http://{}", listener.local_addr()?);
    println!("The stand-in listens on {origin} until Ctrl-C.\n\n{}", keys.first_steps(&origin));
    let app = server::app(settings).layer(from_fn(requests::print));
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("cannot wait for Ctrl-C: {error}");
        std::future::pending().await
    }
}
