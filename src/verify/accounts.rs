//! A store of many accounts' keys.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use super::{Found, KeyStore, Presented};
use crate::{ApiKeyDigest, Credentials, OwnerKey};

/// The keys of many accounts. The account that a key belongs to is the request's
/// [`principal`](crate::Authenticated::principal).
///
/// ```
/// use tower_logentries_auth::{Accounts, Credentials, LogentriesVerifyLayer};
///
/// let mut accounts = Accounts::new();
/// accounts.insert("acme", &Credentials::owner("acme-id", "acme-key")?)?;
/// accounts.insert("acme", &Credentials::owner("acme-id", "acme-next-key")?)?; // both are good while they rotate
/// accounts.insert("globex", &Credentials::read_write("globex-key")?)?;
/// let layer = LogentriesVerifyLayer::new(accounts);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where accounts come and go while it runs, the store is a function over the current ones:
///
/// ```
/// use std::sync::{Arc, PoisonError, RwLock};
/// use tower_logentries_auth::{Accounts, KeyStore, LogentriesVerifyLayer, Presented};
///
/// let current = Arc::new(RwLock::new(Accounts::new()));
/// let keys = Arc::clone(&current);
/// let layer = LogentriesVerifyLayer::new(move |presented: Presented| {
///     keys.read().unwrap_or_else(PoisonError::into_inner).look_up(presented)
/// });
/// // And whenever they changed:
/// *current.write().unwrap_or_else(PoisonError::into_inner) = Accounts::new();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    by_id: HashMap<Arc<str>, Found>,
    by_digest: HashMap<ApiKeyDigest, Found>,
}

impl Accounts {
    /// No account.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds keys to an account, beside those that it has. Of an API key that it has already, the new access counts.
    ///
    /// # Errors
    ///
    /// A key, or the id of the owner key, is another account's; nothing is added then.
    pub fn insert(&mut self, account: &str, credentials: &Credentials) -> Result<(), AccountsError> {
        let is_others = |found: &Found| found.principal.as_deref() != Some(account);
        let id = credentials.owner_key().map(OwnerKey::id);
        let known_id = id.and_then(|id| self.by_id.get(id));
        let mut known_keys = credentials.api_keys().filter_map(|(digest, _)| self.by_digest.get(&digest));
        if known_id.is_some_and(is_others) || known_keys.any(is_others) {
            return Err(AccountsError { account: account.into() });
        }
        if let Some(key) = credentials.owner_key() {
            let found = self.by_id.entry(key.id().into()).or_insert_with(|| Found::nothing().principal(account));
            found.owner_keys.push(key.clone());
        }
        for (digest, access) in credentials.api_keys() {
            self.by_digest.insert(digest, Found::api_key(access).principal(account));
        }
        Ok(())
    }
}

impl KeyStore for Accounts {
    type Error = Infallible;
    type Future = Ready<Result<Found, Infallible>>;

    fn look_up(&self, presented: Presented) -> Self::Future {
        let found = match presented {
            Presented::OwnerKeyId(id) => self.by_id.get(&id),
            Presented::ApiKey(digest) => self.by_digest.get(&digest),
        };
        ready(Ok(found.cloned().unwrap_or_default()))
    }
}

/// A key, or the id of an owner key, that two accounts would share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsError {
    account: Box<str>,
}

impl fmt::Display for AccountsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of account {:?} is another account's: give each account keys of its own", self.account)
    }
}

impl std::error::Error for AccountsError {}
