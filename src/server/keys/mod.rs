//! Key stores, which a verifier looks keys up in.

#[cfg(feature = "cache")]
mod cached;
mod function;
mod memory;
mod presented;
mod stored;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

#[cfg(feature = "cache")]
pub use self::cached::CachedKeyStore;
pub use self::function::{KeyStoreFn, key_store_fn};
pub use self::memory::{DuplicateKeyError, MemoryKeyStore};
pub use self::presented::PresentedKey;
pub use self::stored::StoredApiKey;
use crate::{ApiKeyDigest, BoxError, Credentials, CredentialsHandle, OwnerKey};

/// A store of the keys that requests are authenticated with.
///
/// [`Credentials`] are the store of one account, and [`CredentialsHandle`] is one whose keys can be replaced.
/// [`MemoryKeyStore`] is a store of many accounts. [`key_store_fn`] makes one of two async functions, for example over a
/// database, and `CachedKeyStore` puts a cache in front of any.
///
/// Lookups are asynchronous. An error is answered with `503 Service Unavailable`. While a lookup hangs, so does the request:
/// set a timeout on its connection.
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

/// The keys of one account, without its name.
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
        ready(Ok(self.accepted_owner_keys(&id)))
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        ready(Ok(self.accepted_api_key(digest).map(StoredApiKey::new)))
    }
}
