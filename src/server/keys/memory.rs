//! A key store of many accounts, in memory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{KeyStore, StoredApiKey};
use crate::{ApiKeyDigest, Credentials, OwnerKey};

/// The keys of many accounts, in memory. The account of a key becomes the request's
/// [`account`](crate::Identity::account).
///
/// Clones share the keys, so that accounts can come and go while a layer uses them:
///
/// ```
/// use tower_logentries_auth::{
///     Access, ApiKeyDigest, Credentials, LogentriesVerifyLayer, OwnerKey,
///     server::{MemoryKeyStore, StoredApiKey},
/// };
///
/// let keys = MemoryKeyStore::new();
/// let layer = LogentriesVerifyLayer::new(keys.clone());
///
/// keys.insert("globex", &Credentials::read_write("globex-key")?)?;
/// let dashboard = StoredApiKey::new(Access::ReadOnly).with_id("dashboard");
/// keys.insert_api_key("globex", ApiKeyDigest::of("globex-dashboard-key"), dashboard)?;
///
/// keys.insert_owner_key("acme", OwnerKey::new("acme-id", "acme-key")?.with_label("2025"))?;
/// keys.insert_owner_key("acme", OwnerKey::new("acme-id", "acme-next-key")?.with_label("2026"))?; // both are valid
/// keys.remove_owner_key("acme-id", Some("2025")); // and then the new one alone
/// keys.remove("globex");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryKeyStore {
    keys: Arc<RwLock<Keys>>,
}

#[derive(Default)]
struct Keys {
    /// The owner keys that share an id. All of them belong to one account.
    owner_keys: HashMap<Arc<str>, Vec<OwnerKey>>,
    api_keys: HashMap<ApiKeyDigest, StoredApiKey>,
}

impl MemoryKeyStore {
    /// Creates a store without any key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the keys of an account. An API key that the account already has gets the new access; an owner key that it
    /// already has is not added again.
    ///
    /// # Errors
    ///
    /// Returns an error, and adds nothing, if a key or the id of the owner key belongs to another account.
    pub fn insert(&self, account: &str, credentials: &Credentials) -> Result<(), DuplicateKeyError> {
        let api_keys = credentials.api_keys().map(|(digest, access)| (digest, StoredApiKey::new(access)));
        self.add(account, credentials.owner_key().cloned(), api_keys.collect())
    }

    /// Adds an owner key, with its label, to an account. A key that the account already has under this id gets the new label.
    ///
    /// # Errors
    ///
    /// Returns an error if the id of the key belongs to another account.
    pub fn insert_owner_key(&self, account: &str, key: OwnerKey) -> Result<(), DuplicateKeyError> {
        self.add(account, Some(key), Vec::new())
    }

    /// Adds an API key, with its id, to an account. A key that the account already has is replaced.
    ///
    /// # Errors
    ///
    /// Returns an error if the key belongs to another account.
    pub fn insert_api_key(
        &self,
        account: &str,
        digest: ApiKeyDigest,
        key: StoredApiKey,
    ) -> Result<(), DuplicateKeyError> {
        self.add(account, None, vec![(digest, key)])
    }

    fn add(
        &self,
        account: &str,
        owner_key: Option<OwnerKey>,
        api_keys: Vec<(ApiKeyDigest, StoredApiKey)>,
    ) -> Result<(), DuplicateKeyError> {
        let mut keys = self.write();
        let known_owner_keys = owner_key.iter().filter_map(|key| keys.owner_keys.get(key.id())).flatten();
        let known_api_keys = api_keys.iter().filter_map(|(digest, _)| keys.api_keys.get(digest));
        let mut accounts = known_owner_keys.map(OwnerKey::account).chain(known_api_keys.map(StoredApiKey::account));
        if accounts.any(|known| known != Some(account)) {
            return Err(DuplicateKeyError { account: account.into() });
        }
        if let Some(key) = owner_key {
            let known = keys.owner_keys.entry(key.id().into()).or_default();
            known.retain(|known| !known.is_same_as(&key));
            known.push(key.with_account(account));
        }
        keys.api_keys.extend(api_keys.into_iter().map(|(digest, key)| (digest, key.with_account(account))));
        Ok(())
    }

    /// Removes all keys of an account.
    pub fn remove(&self, account: &str) {
        let mut keys = self.write();
        keys.owner_keys.retain(|_, keys| !keys.iter().any(|key| key.account() == Some(account)));
        keys.api_keys.retain(|_, key| key.account() != Some(account));
    }

    /// Removes the owner keys with this id and label. Returns whether there were any.
    pub fn remove_owner_key(&self, id: &str, label: Option<&str>) -> bool {
        let mut keys = self.write();
        let known = keys.owner_keys.remove(id).unwrap_or_default();
        let (removed, left): (Vec<_>, Vec<_>) = known.into_iter().partition(|key| key.label() == label);
        if !left.is_empty() {
            keys.owner_keys.insert(id.into(), left);
        }
        !removed.is_empty()
    }

    /// Removes an API key. Returns whether it was there.
    pub fn remove_api_key(&self, digest: &ApiKeyDigest) -> bool {
        self.write().api_keys.remove(digest).is_some()
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for MemoryKeyStore {
    type Error = Infallible;
    type OwnerKeys = Ready<Result<Vec<OwnerKey>, Infallible>>;
    type ApiKey = Ready<Result<Option<StoredApiKey>, Infallible>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        ready(Ok(self.read().owner_keys.get(&id).cloned().unwrap_or_default()))
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        ready(Ok(self.read().api_keys.get(&digest).cloned()))
    }
}

crate::text::opaque_debug!(MemoryKeyStore);

/// Error of [`MemoryKeyStore`]: a key, or the id of an owner key, belongs to another account.
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
