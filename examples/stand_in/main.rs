//! Serves a stand-in for the API on this machine, to try a client against.
//!
//!     cargo run --example stand_in                                # on a free port, which it prints
//!     cargo run --example stand_in -- 8080                        # on this port
//!     cargo run --example stand_in -- --clock-offset -600         # ten minutes behind
//!     cargo run --example stand_in -- --latency 300               # each answer takes 300 ms
//!     cargo run --example stand_in -- --rate-limit 20             # 429 after 20 requests, for the rest of 15 minutes
//!
//! It checks keys, signatures and dates as the API does, and takes bodies of up to 64 MiB. What is created lives in memory,
//! until Ctrl-C. The answer to an invalid signature says what should have been signed. Queries take a few polls, and find
//! the same events whatever their statement filters.
//!
//! The keys are those of the environment variables that `Credentials::from_env` reads. If none is set, it makes some up and
//! prints them for a shell to export. It listens on 127.0.0.1 only.

mod server;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context;
use clap::{Parser, value_parser};
use tokio::net::TcpListener;
use tower_logentries_auth::{Credentials, CredentialsError};
use uuid::Uuid;

use crate::server::{RateLimit, Settings};

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
    let credentials = match Credentials::from_env() {
        Err(CredentialsError::NoKeysInEnv) => make_up()?,
        credentials => credentials?,
    };
    let settings = Settings {
        clock_offset,
        latency: Duration::from_millis(latency),
        rate_limit: rate_limit.map(|requests| RateLimit { requests, window: Duration::from_secs(rate_window) }),
        ..Settings::new(credentials)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    println!("Listening on http://{} until Ctrl-C", listener.local_addr()?);
    axum::serve(listener, server::app(settings)).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

/// Makes up keys, and prints them.
fn make_up() -> Result<Credentials, CredentialsError> {
    let [id, owner, read_write, read_only] = [(); 4].map(|()| Uuid::new_v4().to_string());
    println!("No keys in the environment. These are valid until Ctrl-C:\n");
    println!("export LOGENTRIES_OWNER_API_KEY_ID={id}");
    println!("export LOGENTRIES_OWNER_API_KEY={owner}");
    println!("export LOGENTRIES_RW_API_KEY={read_write}");
    println!("export LOGENTRIES_RO_API_KEY={read_only}\n");
    Credentials::owner(&id, &owner)?.with_read_write(&read_write)?.with_read_only(&read_only)
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("cannot wait for Ctrl-C: {error}");
        std::future::pending().await
    }
}
