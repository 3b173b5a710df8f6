//! The keys of an account: where they come from, which one a request takes, how they are replaced.

mod error;
mod key;

use std::{
    env,
    sync::{Arc, PoisonError, RwLock},
};

use http::HeaderValue;
use zeroize::Zeroizing;

use self::key::check;
pub use self::{
    error::CredentialsError,
    key::{ApiKey, ApiKeyDigest, OwnerKey},
};
use crate::Access;

/// The keys of one account: at least one of an owner, a read/write and a read-only key.
///
/// A request is sent with the least of them that is enough for its resource.
///
/// ```
/// use tower_logentries_auth::Credentials;
///
/// let credentials = Credentials::owner("key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?
///     .with_read_write("a1f0cf5d-8a3c-4c9b-8f0e-0d5a9b7c6e21")?
///     .with_read_only("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")?;
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    owner: Option<OwnerKey>,
    read_write: Option<ApiKey>,
    read_only: Option<ApiKey>,
}

impl Credentials {
    const NONE: Self = Self { owner: None, read_write: None, read_only: None };

    /// Credentials that hold an owner key, by its id and its text.
    ///
    /// # Errors
    ///
    /// As [`OwnerKey::new`].
    pub fn owner(id: &str, key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_owner(id, key)
    }

    /// Credentials that hold a read/write key.
    ///
    /// # Errors
    ///
    /// As [`ApiKey::new`].
    pub fn read_write(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_read_write(key)
    }

    /// Credentials that hold a read-only key.
    ///
    /// # Errors
    ///
    /// As [`ApiKey::new`].
    pub fn read_only(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_read_only(key)
    }

    /// The same with this owner key.
    ///
    /// # Errors
    ///
    /// As [`OwnerKey::new`].
    pub fn with_owner(self, id: &str, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { owner: Some(OwnerKey::new(id, key)?), ..self })
    }

    /// The same with this read/write key.
    ///
    /// # Errors
    ///
    /// As [`ApiKey::new`].
    pub fn with_read_write(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_write: Some(ApiKey::named("read/write key", key)?), ..self })
    }

    /// The same with this read-only key.
    ///
    /// # Errors
    ///
    /// As [`ApiKey::new`].
    pub fn with_read_only(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_only: Some(ApiKey::named("read-only key", key)?), ..self })
    }

    /// The keys that the environment holds, in `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`,
    /// `LOGENTRIES_RW_API_KEY` and `LOGENTRIES_RO_API_KEY`.
    ///
    /// # Errors
    ///
    /// None of them is set, or only one of the owner's two, or one holds what is no key: an empty value is refused, not
    /// taken for an unset one.
    pub fn from_env() -> Result<Self, CredentialsError> {
        let mut credentials = Self::NONE;
        match (variable(OWNER_ID)?, variable(OWNER_KEY)?) {
            (Some(id), Some(key)) => credentials = credentials.with_owner(&id, &key)?,
            (Some(_), None) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_ID, missing: OWNER_KEY }),
            (None, Some(_)) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_KEY, missing: OWNER_ID }),
            (None, None) => {}
        }
        if let Some(key) = variable(READ_WRITE_KEY)? {
            credentials = credentials.with_read_write(&key)?;
        }
        if let Some(key) = variable(READ_ONLY_KEY)? {
            credentials = credentials.with_read_only(&key)?;
        }
        match credentials {
            Self { owner: None, read_write: None, read_only: None } => Err(CredentialsError::NoKeysInEnv),
            credentials => Ok(credentials),
        }
    }

    /// The least key held that is enough for `required`.
    pub(crate) fn least(&self, required: Access) -> Option<Key> {
        let api_key = match required {
            Access::ReadOnly => self.read_only.as_ref().or(self.read_write.as_ref()),
            Access::ReadWrite => self.read_write.as_ref(),
            Access::Owner => None,
        };
        api_key.map(|key| Key::Api(key.header.clone())).or_else(|| self.owner.clone().map(Key::Owner))
    }

    pub(crate) fn owner_key(&self) -> Option<&OwnerKey> {
        self.owner.as_ref()
    }

    /// The API keys held, by digest, with the access that each gives, the least first.
    pub(crate) fn api_keys(&self) -> impl Iterator<Item = (ApiKeyDigest, Access)> {
        let read_write = self.read_write.as_ref().map(|key| (key.digest, Access::ReadWrite));
        let read_only = self.read_only.as_ref().map(|key| (key.digest, Access::ReadOnly));
        read_only.into_iter().chain(read_write)
    }
}

/// The key that one request is sent with.
pub(crate) enum Key {
    Api(HeaderValue),
    Owner(OwnerKey),
}

/// Replaces the credentials of a running layer, for every clone and service of it at once.
///
/// Requests that chose their key before keep it: the id and the signature of one request always belong together.
///
/// ```
/// use std::time::Duration;
/// use tower_logentries_auth::{Credentials, CredentialsHandle, LogentriesAuthLayer};
///
/// # async fn read_from_secret_store() -> Result<Credentials, tower::BoxError> { Ok(Credentials::from_env()?) }
/// async fn refresh(handle: CredentialsHandle) {
///     let mut every_hour = tokio::time::interval(Duration::from_secs(3600));
///     loop {
///         every_hour.tick().await;
///         match read_from_secret_store().await {
///             Ok(credentials) => handle.replace(credentials),
///             Err(error) => eprintln!("the old keys stay in use: {error}"),
///         }
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let layer = LogentriesAuthLayer::new(Credentials::owner("old-id", "old-key")?);
/// tokio::spawn(refresh(layer.credentials_handle()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CredentialsHandle {
    current: Arc<RwLock<Credentials>>,
}

impl CredentialsHandle {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { current: Arc::new(RwLock::new(credentials)) }
    }

    /// Every request that chooses its key from now on chooses among these.
    pub fn replace(&self, credentials: Credentials) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    pub(crate) fn least(&self, required: Access) -> Option<Key> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).least(required)
    }
}

const OWNER_ID: &str = "LOGENTRIES_OWNER_API_KEY_ID";
const OWNER_KEY: &str = "LOGENTRIES_OWNER_API_KEY";
const READ_WRITE_KEY: &str = "LOGENTRIES_RW_API_KEY";
const READ_ONLY_KEY: &str = "LOGENTRIES_RO_API_KEY";

fn variable(name: &'static str) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    match env::var(name).map(Zeroizing::new) {
        Ok(value) => check(name, &value).map(|()| Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(CredentialsError::NotAscii { name }),
    }
}
