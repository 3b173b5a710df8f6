//! Where a verifier's keys come from.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use tower::BoxError;

use crate::{Access, ApiKeyDigest, Credentials, OwnerKey};

/// Looks up the keys that requests present. The look-up may take its time, and may fail: then the answer is 503.
///
/// [`Credentials`] are a store of one account's keys, [`Accounts`] of many, and a function is one:
///
/// ```
/// use tower_logentries_auth::{Access, Found, LogentriesVerifyLayer, OwnerKey, Presented};
///
/// # struct Row { account: String, id: String, secret: String }
/// # #[derive(Clone)] struct Database;
/// # impl Database { async fn owner_keys(&self, _: &str) -> Result<Vec<Row>, std::io::Error> { Ok(vec![]) } }
/// # let database = Database;
/// let layer = LogentriesVerifyLayer::new(move |presented: Presented| {
///     let database = database.clone();
///     async move {
///         let Presented::OwnerKeyId(id) = presented else { return Ok(Found::nothing()) };
///         let rows = database.owner_keys(&id).await?;
///         let Some(account) = rows.first().map(|row| row.account.clone()) else { return Ok(Found::nothing()) };
///         let keys: Result<Vec<_>, _> = rows.iter().map(|row| OwnerKey::new(&row.id, &row.secret)).collect();
///         Ok::<_, tower::BoxError>(Found::owner_keys(keys?).principal(account))
///     }
/// });
/// ```
pub trait KeyStore {
    /// Why a look-up failed. It stays inside, in [`Rejection::KeysUnavailable`](crate::Rejection::KeysUnavailable).
    type Error: Into<BoxError>;
    /// The look-up.
    type Future: Future<Output = Result<Found, Self::Error>>;

    /// What this store knows of a key.
    fn look_up(&self, presented: Presented) -> Self::Future;
}

/// What a request presents. The signature, and the API key itself, stay with the layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presented {
    /// The id of an owner key.
    OwnerKeyId(Arc<str>),
    /// The digest of an API key.
    ApiKey(ApiKeyDigest),
}

/// What a store knows of a key that was presented.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub(super) owner_keys: Vec<OwnerKey>,
    pub(super) api_key: Option<Access>,
    pub(super) api_key_id: Option<Arc<str>>,
    pub(super) principal: Option<Arc<str>>,
}

impl Found {
    /// The key is unknown.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The owner keys with the id that was presented: one, or several while they rotate. Those with another id don't
    /// count.
    pub fn owner_keys(keys: impl IntoIterator<Item = OwnerKey>) -> Self {
        Self { owner_keys: keys.into_iter().collect(), ..Self::default() }
    }

    /// The API key is known, and gives this access: [`Access::ReadWrite`] at most, since owner resources take a signature.
    pub fn api_key(access: Access) -> Self {
        Self { api_key: Some(access.min(Access::ReadWrite)), ..Self::default() }
    }

    /// Names the API key to the handler, in [`Authenticated::api_key_id`](crate::Authenticated::api_key_id).
    pub fn api_key_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { api_key_id: Some(id.into()), ..self }
    }

    /// Names the account to the handler, in [`Authenticated::principal`](crate::Authenticated::principal).
    pub fn principal(self, account: impl Into<Arc<str>>) -> Self {
        Self { principal: Some(account.into()), ..self }
    }
}

impl<F, L, E> KeyStore for F
where
    F: Fn(Presented) -> L,
    L: Future<Output = Result<Found, E>>,
    E: Into<BoxError>,
{
    type Error = E;
    type Future = L;

    fn look_up(&self, presented: Presented) -> L {
        self(presented)
    }
}

/// The keys of one account, which it does not name.
impl KeyStore for Credentials {
    type Error = Infallible;
    type Future = Ready<Result<Found, Infallible>>;

    fn look_up(&self, presented: Presented) -> Self::Future {
        let found = match presented {
            Presented::OwnerKeyId(id) => Found::owner_keys(self.owner_key().filter(|key| key.id() == &*id).cloned()),
            Presented::ApiKey(digest) => {
                let known = self.api_keys().find(|(key, _)| *key == digest);
                known.map_or_else(Found::nothing, |(_, access)| Found::api_key(access))
            }
        };
        ready(Ok(found))
    }
}

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

    /// Adds keys to an account, beside those that it has.
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
            self.by_digest.entry(digest).or_insert_with(|| Found::api_key(access).principal(account));
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
