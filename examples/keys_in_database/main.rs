//! A service with its keys in a database: many accounts, rotation, and revocation within seconds.
//!
//!     alias keys='cargo run --example keys_in_database --features axum,cache,tracing --'
//!     keys add-owner-key acme --label 2026        # prints the key, for the client's environment
//!     keys add-api-key acme --label reports --access read-only
//!     keys serve
//!     keys revoke acme --label reports            # while it serves
//!
//! The database is the SQLite file `keys.db`, unless `--database-url` or `DATABASE_URL` names another, such as
//! `postgres://localhost/keys`. To rotate an owner key, add another one to the account, and later revoke the old one.

mod database;
mod serve;

use clap::{Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use crate::database::Database;

#[derive(Parser)]
#[command(about = "Serves an API whose keys are in a database, and manages the keys")]
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

#[derive(Clone, Copy, ValueEnum)]
enum Access {
    ReadOnly,
    ReadWrite,
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
            let (name, variable) = match access {
                Access::ReadOnly => (database::READ_ONLY, "RO"),
                Access::ReadWrite => (database::READ_WRITE, "RW"),
            };
            database.add_api_key(&account, &label, name, &key).await?;
            println!("export LOGENTRIES_{variable}_API_KEY={key}");
        }
        Command::Revoke { account, label } => database.revoke(&account, &label).await?,
    }
    Ok(())
}
