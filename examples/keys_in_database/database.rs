//! The tables and all queries, in SQL that both SQLite and Postgres understand.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sqlx::{AnyPool, any::AnyPoolOptions};
use tower_logentries_auth::{
    Access, ApiKeyDigest, OwnerKey,
    verify::{PresentedKey, StoredKey},
};
use uuid::Uuid;

// An HMAC takes the text of an owner key: whoever reads the column can sign. Of an API key the digest will do.
const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS owner_keys \
     (account TEXT NOT NULL, label TEXT NOT NULL, id TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY (account, label))",
    "CREATE INDEX IF NOT EXISTS owner_keys_by_id ON owner_keys (id)",
    "CREATE TABLE IF NOT EXISTS api_keys \
     (account TEXT NOT NULL, label TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, access TEXT NOT NULL, \
     PRIMARY KEY (account, label))",
    "CREATE TABLE IF NOT EXISTS logs (account TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, name))",
];

/// What the column `access` of an API key holds.
pub(crate) const READ_ONLY: &str = "read-only";
pub(crate) const READ_WRITE: &str = "read-write";

#[derive(Clone)]
pub(crate) struct Database(AnyPool);

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        // A request that waits for a connection holds its client, too.
        let options = AnyPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(3));
        let pool = options.connect(url).await.context("the database cannot be opened")?;
        for table in TABLES {
            // Of two processes that create a table at once, Postgres fails one, which finds the table at a second try.
            if sqlx::query(table).execute(&pool).await.is_err() {
                sqlx::query(table).execute(&pool).await.context("the tables cannot be created")?;
            }
        }
        Ok(Self(pool))
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    /// What the verifying layer asks for each key that is not in the cache.
    pub(crate) async fn find_key(&self, presented: PresentedKey) -> Result<Option<StoredKey>> {
        match presented {
            PresentedKey::OwnerKeyId(id) => self.find_owner_keys(&id).await,
            PresentedKey::ApiKey(digest) => self.find_api_key(digest).await,
            _ => Ok(None),
        }
    }

    async fn find_owner_keys(&self, id: &str) -> Result<Option<StoredKey>> {
        let query = sqlx::query_as("SELECT account, label, secret FROM owner_keys WHERE id = $1").bind(id);
        let rows: Vec<(String, String, String)> = query.fetch_all(&self.0).await?;
        let keys = rows.into_iter().map(|(account, label, secret)| {
            // A principal for each key: whose signature it was is who is let in.
            Ok(OwnerKey::new(id, &secret)?.with_label(label).with_principal(account))
        });
        Ok(Some(StoredKey::owner(keys.collect::<Result<Vec<_>>>()?)))
    }

    async fn find_api_key(&self, digest: ApiKeyDigest) -> Result<Option<StoredKey>> {
        let query = sqlx::query_as("SELECT account, label, access FROM api_keys WHERE digest = $1").bind(hex(digest));
        let row: Option<(String, String, String)> = query.fetch_optional(&self.0).await?;
        let Some((account, label, access)) = row else { return Ok(None) };
        let access = match &*access {
            READ_ONLY => Access::ReadOnly,
            READ_WRITE => Access::ReadWrite,
            other => {
                bail!("API key {label:?} of {account:?} has access {other:?}: it takes {READ_ONLY} or {READ_WRITE}")
            }
        };
        Ok(Some(StoredKey::api_key(access).with_id(label).with_principal(account)))
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

    pub(crate) async fn add_api_key(&self, account: &str, label: &str, access: &str, key: &str) -> Result<()> {
        let insert = sqlx::query("INSERT INTO api_keys (account, label, digest, access) VALUES ($1, $2, $3, $4)");
        let insert = insert.bind(account).bind(label).bind(hex(ApiKeyDigest::of(key))).bind(access).execute(&self.0);
        insert.await.with_context(|| format!("an API key {label:?} cannot be added to {account:?}"))?;
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

    pub(crate) async fn add_log(&self, account: &str, name: &str) -> Result<()> {
        let insert = "INSERT INTO logs (account, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(account).bind(name).execute(&self.0).await?;
        Ok(())
    }

    pub(crate) async fn logs(&self, account: &str) -> Result<Vec<String>> {
        let query = sqlx::query_as("SELECT name FROM logs WHERE account = $1 ORDER BY name").bind(account);
        let rows: Vec<(String,)> = query.fetch_all(&self.0).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }
}

fn hex(digest: ApiKeyDigest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
