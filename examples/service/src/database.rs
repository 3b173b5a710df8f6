//! The tables and all queries, in SQL that both SQLite and Postgres understand.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use sqlx::{AnyPool, any::AnyPoolOptions};
use tower_logentries_auth::{Access, ApiKeyDigest, OwnerKey, server::StoredApiKey};
use uuid::Uuid;

// The HMAC requires the text of an owner key, so everyone who can read the column can sign. For an API key, its digest suffices.
const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS owner_keys \
     (account TEXT NOT NULL, label TEXT NOT NULL, id TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY (account, label))",
    "CREATE INDEX IF NOT EXISTS owner_keys_by_id ON owner_keys (id)",
    "CREATE TABLE IF NOT EXISTS api_keys \
     (account TEXT NOT NULL, label TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, access TEXT NOT NULL, \
     PRIMARY KEY (account, label))",
    "CREATE TABLE IF NOT EXISTS logs (account TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name))",
    "CREATE TABLE IF NOT EXISTS users (account TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name))",
];

/// What an account has by name.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Logs,
    Users,
}

#[derive(Clone)]
pub(crate) struct Database(AnyPool);

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        // A request that waits for a connection holds its client, too.
        let options = AnyPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(3));
        let pool = options.connect(url).await.context("the database cannot be opened")?;
        for table in TABLES {
            // If two processes create a table at once, Postgres fails one, which finds the table at a second try.
            if sqlx::query(table).execute(&pool).await.is_err() {
                sqlx::query(table).execute(&pool).await.context("the tables cannot be created")?;
            }
        }
        Ok(Self(pool))
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    /// Looks up the owner keys with this id: two while they rotate.
    pub(crate) async fn find_owner_keys(self, id: Arc<str>) -> Result<Vec<OwnerKey>> {
        let query = sqlx::query_as("SELECT account, label, secret FROM owner_keys WHERE id = $1").bind(&*id);
        let rows: Vec<(String, String, String)> = query.fetch_all(&self.0).await?;
        let key = |(account, label, secret): (String, String, String)| {
            // Each key has its own account, and the one that signed decides whose request it is.
            Ok(OwnerKey::new(&id, &secret)?.with_label(label).with_account(account))
        };
        rows.into_iter().map(key).collect()
    }

    pub(crate) async fn find_api_key(self, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>> {
        let query = sqlx::query_as("SELECT account, label, access FROM api_keys WHERE digest = $1");
        let row: Option<(String, String, String)> = query.bind(digest.to_text()).fetch_optional(&self.0).await?;
        let Some((account, label, access)) = row else { return Ok(None) };
        let access = access.parse().with_context(|| format!("the access of API key {label:?} of {account:?}"))?;
        Ok(Some(StoredApiKey::new(access).with_id(label).with_account(account)))
    }

    /// Adds an owner key under the id that the account has already, or else under a new one, which is returned.
    pub(crate) async fn add_owner_key(&self, account: &str, label: &str, key: &str) -> Result<String> {
        let query = sqlx::query_as("SELECT id FROM owner_keys WHERE account = $1").bind(account);
        let known: Option<(String,)> = query.fetch_optional(&self.0).await?;
        let id = known.map_or_else(|| Uuid::new_v4().to_string(), |(id,)| id);
        let insert = sqlx::query("INSERT INTO owner_keys (account, label, id, secret) VALUES ($1, $2, $3, $4)");
        let insert = insert.bind(account).bind(label).bind(&*id).bind(key).execute(&self.0);
        insert.await.with_context(|| format!("an owner key {label:?} cannot be added to {account:?}"))?;
        Ok(id)
    }

    pub(crate) async fn add_api_key(&self, account: &str, label: &str, access: Access, key: &str) -> Result<()> {
        ensure!(access < Access::Owner, "an API key has the access read-only or read/write");
        let insert = sqlx::query("INSERT INTO api_keys (account, label, digest, access) VALUES ($1, $2, $3, $4)");
        let insert = insert.bind(account).bind(label).bind(ApiKeyDigest::of(key).to_text()).bind(access.to_string());
        let inserted = insert.execute(&self.0).await;
        inserted.with_context(|| format!("an API key {label:?} cannot be added to {account:?}"))?;
        Ok(())
    }

    pub(crate) async fn revoke(&self, account: &str, label: &str) -> Result<()> {
        let mut deleted = 0;
        for delete in [
            "DELETE FROM owner_keys WHERE account = $1 AND label = $2",
            "DELETE FROM api_keys WHERE account = $1 AND label = $2",
        ] {
            deleted += sqlx::query(delete).bind(account).bind(label).execute(&self.0).await?.rows_affected();
        }
        ensure!(deleted > 0, "{account:?} has no key {label:?}");
        Ok(())
    }

    pub(crate) async fn add(&self, kind: Kind, account: &str, name: &str) -> Result<()> {
        let insert = match kind {
            Kind::Logs => "INSERT INTO logs (account, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            Kind::Users => "INSERT INTO users (account, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        };
        sqlx::query(insert).bind(account).bind(name).execute(&self.0).await?;
        Ok(())
    }

    pub(crate) async fn list(&self, kind: Kind, account: &str) -> Result<Vec<String>> {
        let select = match kind {
            Kind::Logs => "SELECT name FROM logs WHERE account = $1 ORDER BY name",
            Kind::Users => "SELECT name FROM users WHERE account = $1 ORDER BY name",
        };
        let rows: Vec<(String,)> = sqlx::query_as(select).bind(account).fetch_all(&self.0).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }
}
