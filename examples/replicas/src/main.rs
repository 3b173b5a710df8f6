//! A replica of a service that rejects replays. Any number of them share one Redis or Valkey server and one database of
//! keys.
//!
//!     redis-server --save '' --appendonly no
//!     OWNER_KEY=.. replicas add-owner-key acme key-id
//!     replicas serve --listen 127.0.0.1:8001
//!     replicas serve --listen 127.0.0.1:8002
//!
//! A signed unsafe request passes once, on the replica that it reaches first. While the guard's server is down, such
//! requests are answered with 503; safe ones are served. A server without persistence forgets all signatures when it is
//! restarted: each then passes once more while its date is accepted. `--appendonly yes --appendfsync always` prevents
//! this, at the price of a disk write per signed unsafe request. Keep the default `maxmemory-policy noeviction`,
//! because an evicted signature is forgotten.

mod guard;
mod keys;

use anyhow::{Context, Result};
use axum::{Router, routing::get};
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tower_logentries_auth::{Authenticated, LogentriesVerifyLayer, replay::RejectReplaysLayer};

#[derive(Parser)]
struct Arguments {
    /// Where the keys are.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite:keys.db?mode=rwc")]
    database_url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API.
    Serve {
        #[arg(long, default_value = "127.0.0.1:8001")]
        listen: String,
        /// The server that all replicas share.
        #[arg(long, env = "REDIS_URL", hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
        redis_url: String,
    },
    /// Adds the owner key in the environment variable OWNER_KEY.
    AddOwnerKey { account: String, id: String },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let keys = keys::Keys::open(&arguments.database_url).await?;
    match arguments.command {
        Command::Serve { listen, redis_url } => serve(&listen, keys, &redis_url).await,
        Command::AddOwnerKey { account, id } => {
            let key = std::env::var("OWNER_KEY").context("set OWNER_KEY to the key")?;
            keys.add(&account, &id, &key).await
        }
    }
}

async fn serve(listen: &str, keys: keys::Keys, redis_url: &str) -> Result<()> {
    let users = get(list).post(create);
    let app = Router::new()
        .route("/management/accounts/{account}/users", users)
        .route_layer(RejectReplaysLayer::new(guard::in_redis(redis_url)?))
        .route_layer(LogentriesVerifyLayer::new(move |presented| {
            let keys = keys.clone();
            async move { keys.find(presented).await }
        }));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    Ok(())
}

async fn stopped() {
    // Where the signal cannot be listened to, the service runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

async fn list(identity: Authenticated) -> String {
    format!("the users of {}", identity.principal.as_deref().unwrap_or("nobody"))
}

async fn create(identity: Authenticated) -> String {
    format!("a user of {}", identity.principal.as_deref().unwrap_or("nobody"))
}
