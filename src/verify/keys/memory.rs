//! A key store of many accounts, in memory.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use super::{KeyStore, PresentedKey, StoredKey};
use crate::{Access, ApiKeyDigest, Credentials, OwnerKey};

/// The keys of many accounts, in memory. The account of a key becomes the request's
/// [`principal`](crate::Authenticated::principal).
///
/// ```
/// use tower_logentries_auth::{Credentials, LogentriesVerifyLayer, verify::MemoryKeyStore};
///
/// let mut keys = MemoryKeyStore::new();
/// keys.insert("acme", &Credentials::owner("acme-id", "acme-key")?)?;
/// keys.insert("acme", &Credentials::owner("acme-id", "acme-next-key")?)?; // both are valid while they rotate
/// keys.insert("globex", &Credentials::read_write("globex-key")?)?;
/// let layer = LogentriesVerifyLayer::new(keys);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// If accounts come and go at run time, use a function over the current ones as the store:
///
/// ```
/// use std::sync::{Arc, PoisonError, RwLock};
/// use tower_logentries_auth::{
///     KeyStore, LogentriesVerifyLayer,
///     verify::{MemoryKeyStore, PresentedKey},
/// };
///
/// let current = Arc::new(RwLock::new(MemoryKeyStore::new()));
/// let keys = Arc::clone(&current);
/// let layer = LogentriesVerifyLayer::new(move |presented: PresentedKey| {
///     keys.read().unwrap_or_else(PoisonError::into_inner).lookup(presented)
/// });
/// // Whenever they change:
/// current.write().unwrap_or_else(PoisonError::into_inner).remove("acme");
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryKeyStore {
    owners: HashMap<Arc<str>, Owner>,
    api_keys: HashMap<ApiKeyDigest, ApiKeyEntry>,
}

/// The owner keys that share an id.
#[derive(Debug, Clone)]
struct Owner {
    account: Arc<str>,
    keys: Vec<OwnerKey>,
}

#[derive(Debug, Clone)]
struct ApiKeyEntry {
    account: Arc<str>,
    access: Access,
}

impl MemoryKeyStore {
    /// Creates a store without any key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds keys to an account. An API key that the account already has gets the new access; an owner key that it
    /// already has is not added again.
    ///
    /// # Errors
    ///
    /// Returns an error, and adds nothing, if a key or the id of the owner key belongs to another account.
    pub fn insert(&mut self, account: &str, credentials: &Credentials) -> Result<(), DuplicateKeyError> {
        if self.is_taken(account, credentials) {
            return Err(DuplicateKeyError { account: account.into() });
        }
        let account: Arc<str> = account.into();
        if let Some(key) = credentials.owner_key() {
            let owner = self.owners.entry(key.id().into());
            let owner = owner.or_insert_with(|| Owner { account: Arc::clone(&account), keys: Vec::new() });
            if !owner.keys.iter().any(|known| known.is_same_as(key)) {
                owner.keys.push(key.clone().with_principal(Arc::clone(&account)));
            }
        }
        for (digest, access) in credentials.api_keys() {
            self.api_keys.insert(digest, ApiKeyEntry { account: Arc::clone(&account), access });
        }
        Ok(())
    }

    fn is_taken(&self, account: &str, credentials: &Credentials) -> bool {
        let owner = credentials.owner_key().and_then(|key| self.owners.get(key.id()));
        let mut api_keys = credentials.api_keys().filter_map(|(digest, _)| self.api_keys.get(&digest));
        owner.is_some_and(|owner| *owner.account != *account) || api_keys.any(|key| *key.account != *account)
    }

    /// Removes all keys of an account.
    pub fn remove(&mut self, account: &str) {
        self.owners.retain(|_, owner| *owner.account != *account);
        self.api_keys.retain(|_, key| *key.account != *account);
    }
}

impl KeyStore for MemoryKeyStore {
    type Error = Infallible;
    type Future = Ready<Result<Option<StoredKey>, Infallible>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        ready(Ok(match presented {
            PresentedKey::OwnerKeyId(id) => {
                self.owners.get(&id).map(|owner| StoredKey::owner(owner.keys.iter().cloned()))
            }
            PresentedKey::ApiKey(digest) => self
                .api_keys
                .get(&digest)
                .map(|key| StoredKey::api_key(key.access).with_principal(Arc::clone(&key.account))),
        }))
    }
}

/// Error of [`MemoryKeyStore::insert`]: a key, or the id of an owner key, belongs to another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKeyError {
    account: Box<str>,
}

impl fmt::Display for DuplicateKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of account {:?} belongs to another account: give each account its own keys", self.account)
    }
}

impl std::error::Error for DuplicateKeyError {}
