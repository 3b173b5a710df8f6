//! Where a verifier's keys come from.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
};

use tower::BoxError;

use crate::{Access, ApiKeyDigest, Credentials, OwnerKey};

/// Looks up the keys that requests present. The look-up may take its time, and may fail: then the answer is 503.
///
/// [`Credentials`] are a store of one account's keys, [`Accounts`](crate::Accounts) of many, and a function is one:
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
                let known = self.api_keys().filter(|(key, _)| *key == digest).map(|(_, access)| access);
                known.max().map_or_else(Found::nothing, Found::api_key)
            }
        };
        ready(Ok(found))
    }
}
