//! The guard: one atomic `SET .. NX PX` per signature.

use std::time::Duration;

use anyhow::{Context, Result};
use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tower_logentries_auth::{replay::ReplayGuard, verify::VerifiedSignature};

/// For how long a request waits for the server before it is answered with 503.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Creates a guard on the server at this URL, which need not be up yet. The connection is opened, and reopened, when it
/// is needed.
pub(crate) fn in_redis(url: &str) -> Result<impl ReplayGuard<Future: Send, Error: Send> + Send + Sync + 'static> {
    let client = Client::open(url).context("the URL of the Redis server is not one")?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT))
        .set_number_of_retries(1);
    let connection = ConnectionManager::new_lazy_with_config(client, config)?;
    Ok(move |signature| record(connection.clone(), signature))
}

async fn record(mut connection: ConnectionManager, signature: VerifiedSignature) -> Result<bool, RedisError> {
    let key = [&b"replay:"[..], &signature.digest()].concat();
    let millis = u64::try_from(signature.remember_for().as_millis()).unwrap_or(u64::MAX);
    let mut command = redis::cmd("SET");
    command.arg(key).arg(1).arg("NX").arg("PX").arg(millis);
    // OK where the key was set, nil where it was there already.
    let set: Option<String> = command.query_async(&mut connection).await?;
    Ok(set.is_some())
}
