//! A key store of two functions.

use std::sync::Arc;

use super::{KeyStore, StoredApiKey};
use crate::{ApiKeyDigest, BoxError, OwnerKey};

/// Creates a key store of two async functions, which get a clone of `state` with each call.
///
/// ```
/// use std::sync::Arc;
///
/// use tower_logentries_auth::{
///     ApiKeyDigest, LogentriesVerifyLayer, OwnerKey,
///     server::{StoredApiKey, key_store_fn},
/// };
///
/// # type Error = Box<dyn std::error::Error + Send + Sync>;
/// # struct OwnerRow { account: String, label: String, secret: String }
/// # struct ApiKeyRow { account: String, access: String }
/// # #[derive(Clone)] struct Database;
/// # impl Database {
/// #     async fn owner_keys(&self, _: &str) -> Result<Vec<OwnerRow>, std::io::Error> { Ok(vec![]) }
/// #     async fn api_key(&self, _: &[u8; 32]) -> Result<Option<ApiKeyRow>, std::io::Error> { Ok(None) }
/// # }
/// async fn owner_keys(database: Database, id: Arc<str>) -> Result<Vec<OwnerKey>, Error> {
///     let key = |row: OwnerRow| Ok(OwnerKey::new(&id, &row.secret)?.with_label(row.label).with_account(row.account));
///     database.owner_keys(&id).await?.into_iter().map(key).collect() // two while they rotate
/// }
///
/// async fn api_key(database: Database, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, Error> {
///     let Some(row) = database.api_key(digest.as_bytes()).await? else { return Ok(None) };
///     Ok(Some(StoredApiKey::new(row.access.parse()?).with_account(row.account)))
/// }
///
/// # let database = Database;
/// let layer = LogentriesVerifyLayer::new(key_store_fn(database, owner_keys, api_key));
/// ```
pub fn key_store_fn<T, O, A>(state: T, owner_keys: O, api_key: A) -> KeyStoreFn<T, O, A> {
    KeyStoreFn { state, owner_keys, api_key }
}

/// A key store of two async functions, made by [`key_store_fn`].
#[derive(Clone)]
pub struct KeyStoreFn<T, O, A> {
    state: T,
    owner_keys: O,
    api_key: A,
}

impl<T, O, A, OwnerKeys, ApiKey, E> KeyStore for KeyStoreFn<T, O, A>
where
    T: Clone,
    O: Fn(T, Arc<str>) -> OwnerKeys,
    A: Fn(T, ApiKeyDigest) -> ApiKey,
    OwnerKeys: Future<Output = Result<Vec<OwnerKey>, E>>,
    ApiKey: Future<Output = Result<Option<StoredApiKey>, E>>,
    E: Into<BoxError>,
{
    type Error = E;
    type OwnerKeys = OwnerKeys;
    type ApiKey = ApiKey;

    fn owner_keys(&self, id: Arc<str>) -> OwnerKeys {
        (self.owner_keys)(self.state.clone(), id)
    }

    fn api_key(&self, digest: ApiKeyDigest) -> ApiKey {
        (self.api_key)(self.state.clone(), digest)
    }
}

crate::text::opaque_debug!(KeyStoreFn<T, O, A>);
