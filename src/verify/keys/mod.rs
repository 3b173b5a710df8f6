//! Key stores, which a verifier looks keys up in.

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
/// [`Credentials`] are the key store of one account, and [`MemoryKeyStore`] is a store for many. A function can be a
/// store too, for example one that queries a database, as in [`guide::key_stores`](crate::guide::key_stores):
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
    /// The error of a lookup. It is available in
    /// [`Rejection::KeyStoreUnavailable`](super::Rejection::KeyStoreUnavailable), and never sent to the client.
    type Error: Into<BoxError>;
    /// The future of a lookup.
    type Future: Future<Output = Result<Option<StoredKey>, Self::Error>>;

    /// Looks a key up. Resolves to `None` if the key is unknown.
    fn lookup(&self, presented: PresentedKey) -> Self::Future;
}

/// What a key store is asked to look up. The signature and the API key itself are not passed to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresentedKey {
    /// The id of an owner key, of at most 256 bytes. A longer one is malformed, and never looked up.
    OwnerKeyId(Arc<str>),
    /// The digest of an API key.
    ApiKey(ApiKeyDigest),
}

/// The answer of a key store: the owner keys that share an id, or an API key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub(super) grant: Grant,
    pub(super) id: Option<Arc<str>>,
    pub(super) principal: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub(super) enum Grant {
    Owner(OwnerKeys),
    ApiKey(Access),
}

/// Owner keys that share an id: hardly ever more than one, which takes no allocation.
#[derive(Debug, Clone)]
pub(super) struct OwnerKeys {
    first: Option<OwnerKey>,
    rest: Vec<OwnerKey>,
}

impl OwnerKeys {
    pub(super) fn with_id(&self, id: &str) -> impl Iterator<Item = &OwnerKey> {
        self.first.iter().chain(&self.rest).filter(move |key| key.id() == id)
    }
}

impl FromIterator<OwnerKey> for OwnerKeys {
    fn from_iter<I: IntoIterator<Item = OwnerKey>>(keys: I) -> Self {
        let mut keys = keys.into_iter();
        Self { first: keys.next(), rest: keys.collect() }
    }
}

impl StoredKey {
    /// Creates an entry for the owner keys that share an id: one, or several while they rotate. Keys with another id
    /// than the presented one are ignored. If there are none, the id is unknown.
    ///
    /// A key may have a [label](OwnerKey::with_label), and names the [account](OwnerKey::with_principal) that it
    /// belongs to.
    pub fn owner(keys: impl IntoIterator<Item = OwnerKey>) -> Self {
        Self { grant: Grant::Owner(keys.into_iter().collect()), id: None, principal: None }
    }

    /// Creates an entry for an API key that grants this access: at most [`Access::ReadWrite`], because an owner's
    /// resource requires a signature.
    pub fn api_key(access: Access) -> Self {
        Self { grant: Grant::ApiKey(access.min(Access::ReadWrite)), id: None, principal: None }
    }

    /// Returns whether this is an entry for owner keys without any key.
    #[cfg(feature = "cache")]
    fn is_empty(&self) -> bool {
        matches!(&self.grant, Grant::Owner(keys) if keys.first.is_none())
    }

    /// Sets the id of an API key, for [`Authenticated::key_id`](super::Authenticated::key_id). An owner key has its own
    /// id.
    pub fn with_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Sets the account that an API key belongs to, for [`Authenticated::principal`](super::Authenticated::principal).
    ///
    /// For owner keys, call [`OwnerKey::with_principal`] instead, because keys of several accounts can share an id.
    /// Calling this on an entry for owner keys is an error of the store, which is answered with 503.
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

/// A store of one account's keys, without a principal.
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
