//! Key stores, which a verifier looks keys up in.

#[cfg(feature = "cache")]
mod cached;
mod key;
mod memory;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

#[cfg(feature = "cache")]
pub use self::cached::CachedKeyStore;
pub use self::key::{PresentedKey, StoredApiKey};
pub use self::memory::{DuplicateKeyError, MemoryKeyStore};
use crate::{ApiKeyDigest, BoxError, Credentials, CredentialsHandle, OwnerKey};

/// A store of the keys that requests are authenticated with.
///
/// [`Credentials`] are the store of one account, and [`CredentialsHandle`] is one whose keys can be replaced.
/// [`MemoryKeyStore`] is a store of many accounts. [`key_store_fn`] makes a store from two async functions, for example
/// over a database, and `CachedKeyStore` puts a cache in front of any store.
///
/// Lookups are asynchronous. An error is answered with `503 Service Unavailable`. While a lookup hangs, so does the request:
/// set a timeout on its connection.
///
/// Code that is generic over the store of an axum router requires
/// `K: KeyStore<OwnerKeys: Send, ApiKey: Send> + Clone + Send + Sync + 'static`.
pub trait KeyStore {
    /// The error of a lookup. It is available in
    /// [`Reason::KeyStoreUnavailable`](super::Reason::KeyStoreUnavailable), and never sent to the client.
    type Error: Into<BoxError>;
    /// The future of a lookup of owner keys.
    type OwnerKeys: Future<Output = Result<Vec<OwnerKey>, Self::Error>>;
    /// The future of a lookup of an API key.
    type ApiKey: Future<Output = Result<Option<StoredApiKey>, Self::Error>>;

    /// Looks up the owner keys with this id, of at most 256 bytes: one, several while they rotate, or none if the id is
    /// unknown. Keys with another id are ignored.
    ///
    /// A key may have a [label](OwnerKey::with_label), and names the [account](OwnerKey::with_account) that it belongs to.
    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys;

    /// Looks up the API key with this digest. Resolves to `None` if it is unknown. The key itself is not passed to the store.
    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey;
}

impl<K: KeyStore + ?Sized> KeyStore for Arc<K> {
    type Error = K::Error;
    type OwnerKeys = K::OwnerKeys;
    type ApiKey = K::ApiKey;

    fn owner_keys(&self, id: Arc<str>) -> K::OwnerKeys {
        K::owner_keys(self, id)
    }

    fn api_key(&self, digest: ApiKeyDigest) -> K::ApiKey {
        K::api_key(self, digest)
    }
}

/// The keys of one account.
impl KeyStore for Credentials {
    type Error = Infallible;
    type OwnerKeys = Ready<Result<Vec<OwnerKey>, Infallible>>;
    type ApiKey = Ready<Result<Option<StoredApiKey>, Infallible>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        ready(Ok(self.owner_key().filter(|key| key.id() == &*id).cloned().into_iter().collect()))
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        ready(Ok(self.granted_to(digest).map(StoredApiKey::new)))
    }
}

/// The keys that are current when a request arrives. See [`CredentialsHandle::replace_accepting`].
impl KeyStore for CredentialsHandle {
    type Error = Infallible;
    type OwnerKeys = Ready<Result<Vec<OwnerKey>, Infallible>>;
    type ApiKey = Ready<Result<Option<StoredApiKey>, Infallible>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        let accepted = self.accepted();
        let keys = accepted.iter().filter_map(Credentials::owner_key).filter(|key| key.id() == &*id);
        ready(Ok(keys.cloned().collect()))
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        let granted = self.accepted().iter().find_map(|credentials| credentials.granted_to(digest));
        ready(Ok(granted.map(StoredApiKey::new)))
    }
}

/// Creates a key store from two async functions, each call of which gets a clone of `state`.
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

/// A key store that [`key_store_fn`] made from two async functions.
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
