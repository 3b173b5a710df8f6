//! What remembers the signatures that were used: Redis or Valkey for all replicas, or the memory of this process.

use std::time::Duration;

use anyhow::{Context, Result};
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tower_logentries_auth::{
    replay::{MemoryReplayGuard, ReplayGuard},
    server::VerifiedSignature,
};

/// How long a request waits for the Redis server before it is answered with 503.
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) enum Guard {
    Redis(ConnectionManager),
    Memory(MemoryReplayGuard),
}

impl Guard {
    /// Creates a guard on the Redis server at this URL, which need not be up yet: the connection is opened, and reopened,
    /// when it is needed. Without a URL, the guard is in memory.
    pub(crate) fn new(redis_url: Option<&str>) -> Result<Self> {
        let Some(url) = redis_url else { return Ok(Self::Memory(MemoryReplayGuard::new())) };
        let client = Client::open(url).context("the URL of the Redis server is invalid")?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        Ok(Self::Redis(ConnectionManager::new_lazy_with_config(client, config)?))
    }

    /// Returns whether the signature was not recorded before.
    pub(crate) async fn record(self, signature: VerifiedSignature) -> Result<bool> {
        match self {
            Self::Redis(connection) => record_in_redis(connection, &signature).await,
            Self::Memory(guard) => Ok(guard.record(signature).await?),
        }
    }
}

/// Sends one `SET .. NX PX`, which is atomic: of copies that arrive at once, one is the first.
async fn record_in_redis(mut connection: ConnectionManager, signature: &VerifiedSignature) -> Result<bool> {
    let key = [&b"replay:"[..], &signature.digest()].concat();
    let millis = u64::try_from(signature.remember_for().as_millis())?;
    let mut command = redis::cmd("SET");
    command.arg(key).arg(1).arg("NX").arg("PX").arg(millis);
    // OK if the key was set, nil if it was there already.
    let set: Option<String> = command.query_async(&mut connection).await?;
    Ok(set.is_some())
}
