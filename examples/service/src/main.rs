//! A service as a company runs it: many accounts whose keys are in a database, rotation, revocation within seconds, replays
//! rejected over any number of replicas, metrics by account and key, and a shutdown that finishes what has begun.
//!
//!     alias service='cargo run --manifest-path examples/service/Cargo.toml --'
//!     service add-owner-key acme --label 2026          # prints the key, for the client's environment
//!     service add-api-key acme --label reports --access read-only
//!     service serve --redis-url redis://127.0.0.1:6379
//!     service revoke acme --label reports              # while it serves
//!
//! The database is the SQLite file `keys.db`, unless `--database-url` or `DATABASE_URL` names another, such as
//! `postgres://localhost/keys`. To rotate an owner key, add another one to the account, watch `/metrics` until the old
//! one has not been used for long enough, and revoke it.
//!
//! Replicas share the database and, by `--redis-url`, one Redis or Valkey server. Without it, each remembers the signatures
//! that it has seen itself, which is enough for one process that is not restarted. While that server is down, signed requests
//! of unsafe methods are answered with 503, and all others are served. A server without persistence forgets all signatures
//! when it is restarted: each then passes once more while its date is accepted. `--appendonly yes --appendfsync always`
//! prevents this, at the price of a disk write a signature. Keep its default `maxmemory-policy noeviction`, because an evicted
//! signature is forgotten.

mod database;
mod guard;
mod handlers;
mod metrics;
mod serve;

use clap::{Parser, Subcommand};
use tower_logentries_auth::Access;
use uuid::Uuid;

use crate::database::Database;

#[derive(Parser)]
#[command(about = "Serves an API to many accounts, and manages their keys")]
struct Arguments {
    /// Where the keys are: SQLite or Postgres, by its URL.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, default_value = "sqlite:keys.db?mode=rwc")]
    database_url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or Ctrl-C.
    Serve(serve::Options),
    /// Adds an owner key to an account, beside those that it has, and prints it.
    AddOwnerKey {
        account: String,
        /// Distinguishes it from the account's other keys.
        #[arg(long)]
        label: String,
    },
    /// Adds an API key to an account, and prints it. It cannot be shown again.
    AddApiKey {
        account: String,
        /// Distinguishes it from the account's other keys.
        #[arg(long)]
        label: String,
        /// read-only or read/write
        #[arg(long)]
        access: Access,
    },
    /// Deletes a key of an account.
    Revoke {
        account: String,
        #[arg(long)]
        label: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { database_url, command } = Arguments::parse();
    let database = Database::open(&database_url).await?;
    match command {
        Command::Serve(options) => serve::serve(database, &options).await?,
        Command::AddOwnerKey { account, label } => {
            let key = Uuid::new_v4().to_string();
            let id = database.add_owner_key(&account, &label, &key).await?;
            println!("export LOGENTRIES_OWNER_API_KEY_ID={id}\nexport LOGENTRIES_OWNER_API_KEY={key}");
        }
        Command::AddApiKey { account, label, access } => {
            let key = Uuid::new_v4().to_string();
            database.add_api_key(&account, &label, access, &key).await?;
            let variable = if access == Access::ReadOnly { "RO" } else { "RW" };
            println!("export LOGENTRIES_{variable}_API_KEY={key}");
        }
        Command::Revoke { account, label } => database.revoke(&account, &label).await?,
    }
    Ok(())
}
