//! The keys, in SQLite or Postgres. The crate's example `keys_in_database` also has rotation, a cache and API keys.

use anyhow::{Context, Result};
use sqlx::{AnyPool, any::AnyPoolOptions};
use tower_logentries_auth::{
    OwnerKey,
    verify::{PresentedKey, StoredKey},
};

#[derive(Clone)]
pub(crate) struct Keys(AnyPool);

impl Keys {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new().connect(url).await.context("the database cannot be opened")?;
        let table = "CREATE TABLE IF NOT EXISTS owner_keys \
                     (account TEXT NOT NULL, id TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY (id, secret))";
        // Of two replicas that create it at once, Postgres fails one, which finds the table at a second try.
        if sqlx::query(table).execute(&pool).await.is_err() {
            sqlx::query(table).execute(&pool).await.context("the table cannot be created")?;
        }
        Ok(Self(pool))
    }

    pub(crate) async fn add(&self, account: &str, id: &str, key: &str) -> Result<()> {
        OwnerKey::new(id, key)?;
        let insert = sqlx::query("INSERT INTO owner_keys (account, id, secret) VALUES ($1, $2, $3)");
        insert.bind(account).bind(id).bind(key).execute(&self.0).await.context("the key cannot be added")?;
        Ok(())
    }

    pub(crate) async fn find(&self, presented: PresentedKey) -> Result<Option<StoredKey>> {
        let PresentedKey::OwnerKeyId(id) = presented else { return Ok(None) };
        let query = sqlx::query_as("SELECT account, secret FROM owner_keys WHERE id = $1").bind(&*id);
        let rows: Vec<(String, String)> = query.fetch_all(&self.0).await?;
        let keys = rows.into_iter().map(|(account, secret)| Ok(OwnerKey::new(&id, &secret)?.with_principal(account)));
        Ok(Some(StoredKey::owner(keys.collect::<Result<Vec<_>>>()?)))
    }
}
