//! Where a verifier's keys come from.

#[cfg(feature = "cache")]
mod cached;
mod memory;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use tower::BoxError;

#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub use self::cached::CachedKeyStore;
pub use self::memory::{DuplicateKeyError, MemoryKeyStore};
use crate::{Access, ApiKeyDigest, Credentials, OwnerKey};

/// A store of the keys that requests are authenticated with.
///
/// Lookups are asynchronous. An error is answered with `503 Service Unavailable`.
///
/// [`Credentials`] are a store of one account's keys, [`MemoryKeyStore`] is one of many accounts'. A function is a store,
/// too, such as one that asks a database; see [`guide::key_stores`](crate::guide::key_stores):
///
/// ```
/// use tower_logentries_auth::{
///     LogentriesVerifyLayer, OwnerKey,
///     verify::{PresentedKey, StoredKey},
/// };
///
/// # struct Row { account: String, label: String, secret: String }
/// # #[derive(Clone)] struct Database;
/// # impl Database { async fn owner_keys(&self, _: &str) -> Result<Vec<Row>, std::io::Error> { Ok(vec![]) } }
/// # let database = Database;
/// let layer = LogentriesVerifyLayer::new(move |presented: PresentedKey| {
///     let database = database.clone();
///     async move {
///         let PresentedKey::OwnerKeyId(id) = presented else { return Ok(None) };
///         // Two while they rotate, each with its own label, and the account that it belongs to.
///         let rows = database.owner_keys(&id).await?;
///         let keys = rows.into_iter().map(|row| {
///             let key = OwnerKey::new(&id, &row.secret)?;
///             Ok::<_, tower::BoxError>(key.with_label(row.label).with_principal(row.account))
///         });
///         Ok::<_, tower::BoxError>(Some(StoredKey::owner(keys.collect::<Result<Vec<_>, _>>()?)))
///     }
/// });
/// ```
pub trait KeyStore {
    /// The error of a lookup. It is kept in [`Rejection::KeyStoreUnavailable`](super::Rejection::KeyStoreUnavailable), and
    /// never sent to the client.
    type Error: Into<BoxError>;
    /// The future of a lookup.
    type Future: Future<Output = Result<Option<StoredKey>, Self::Error>>;

    /// Looks a key up. Resolves to `None` if the key is unknown.
    fn lookup(&self, presented: PresentedKey) -> Self::Future;
}

/// What a key store is asked for. The signature and the API key itself stay with the layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresentedKey {
    /// The id of an owner key, of at most 256 bytes. A longer one is malformed, and never looked up.
    OwnerKeyId(Arc<str>),
    /// The digest of an API key.
    ApiKey(ApiKeyDigest),
}

/// What a key store knows about a key: either owner keys that share an id, or an API key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub(super) grant: Grant,
    pub(super) id: Option<Arc<str>>,
    pub(super) principal: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub(super) enum Grant {
    Owner(Vec<OwnerKey>),
    ApiKey(Access),
}

impl StoredKey {
    /// Creates an entry of the owner keys that share an id: one, or several while they rotate. Keys with another id than
    /// the one that was presented are ignored. Without any, the id is unknown.
    ///
    /// A key may have a [label](OwnerKey::with_label), and names the [account](OwnerKey::with_principal) that it belongs to.
    pub fn owner(keys: impl IntoIterator<Item = OwnerKey>) -> Self {
        Self { grant: Grant::Owner(keys.into_iter().collect()), id: None, principal: None }
    }

    /// Creates an entry of an API key that grants this access: at most [`Access::ReadWrite`], because an owner's resource
    /// requires a signature.
    pub fn api_key(access: Access) -> Self {
        Self { grant: Grant::ApiKey(access.min(Access::ReadWrite)), id: None, principal: None }
    }

    /// Returns whether it is an entry of owner keys without any.
    #[cfg(feature = "cache")]
    fn is_empty(&self) -> bool {
        matches!(&self.grant, Grant::Owner(keys) if keys.is_empty())
    }

    /// Sets the id under which a handler sees an API key, in [`Authenticated::key_id`](super::Authenticated::key_id). An
    /// owner key has its own.
    pub fn with_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Sets the account that an API key belongs to, for [`Authenticated::principal`](super::Authenticated::principal).
    ///
    /// An owner key names its own, with [`OwnerKey::with_principal`], because keys of several accounts can share an id. An
    /// entry of owner keys on which this was called is an error of the store: it is answered with 503.
    pub fn with_principal(self, account: impl Into<Arc<str>>) -> Self {
        Self { principal: Some(account.into()), ..self }
    }
}

impl<F, L, E> KeyStore for F
where
    F: Fn(PresentedKey) -> L,
    L: Future<Output = Result<Option<StoredKey>, E>>,
    E: Into<BoxError>,
{
    type Error = E;
    type Future = L;

    fn lookup(&self, presented: PresentedKey) -> L {
        self(presented)
    }
}

impl<K: KeyStore + ?Sized> KeyStore for Arc<K> {
    type Error = K::Error;
    type Future = K::Future;

    fn lookup(&self, presented: PresentedKey) -> K::Future {
        K::lookup(self, presented)
    }
}

/// The keys of one account, which is not named.
impl KeyStore for Credentials {
    type Error = Infallible;
    type Future = Ready<Result<Option<StoredKey>, Infallible>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        ready(Ok(match presented {
            PresentedKey::OwnerKeyId(id) => {
                self.owner_key().filter(|key| key.id() == &*id).map(|key| StoredKey::owner([key.clone()]))
            }
            PresentedKey::ApiKey(digest) => {
                let known = self.api_keys().filter(|(key, _)| *key == digest).map(|(_, access)| access);
                known.max().map(StoredKey::api_key)
            }
        }))
    }
}
