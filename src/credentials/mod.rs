//! The keys of an account: how they are loaded, chosen for a request, and replaced.

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

/// The keys of one account: at least one of an owner, a platform, a read/write and a read-only key.
///
/// Each request is sent with the least-privileged key that suffices for its resource.
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
    platform: Option<ApiKey>,
    read_write: Option<ApiKey>,
    read_only: Option<ApiKey>,
}

impl Credentials {
    const NONE: Self = Self { owner: None, platform: None, read_write: None, read_only: None };

    /// Creates credentials with an owner key, from its id and its text.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`OwnerKey::new`].
    pub fn owner(id: &str, key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_owner(id, key)
    }

    /// Creates credentials with a read/write key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn read_write(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_read_write(key)
    }

    /// Creates credentials with a read-only key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn read_only(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_read_only(key)
    }

    /// Creates credentials with a platform key, the only kind of key that customers of the Insight platform have.
    ///
    /// It is sent wherever an API key is enough. If a read/write key is set as well, the platform key goes to
    /// `{region}.api.insight.rapid7.com` and the read/write key to the other hosts.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn platform(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_platform(key)
    }

    /// Sets the owner key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`OwnerKey::new`].
    pub fn with_owner(self, id: &str, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { owner: Some(OwnerKey::new(id, key)?), ..self })
    }

    /// Sets the read/write key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn with_read_write(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_write: Some(ApiKey::named("read/write key", key)?), ..self })
    }

    /// Sets the read-only key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn with_read_only(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_only: Some(ApiKey::named("read-only key", key)?), ..self })
    }

    /// Sets the platform key. See [`Credentials::platform`].
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`ApiKey::new`].
    pub fn with_platform(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { platform: Some(ApiKey::named("platform key", key)?), ..self })
    }

    /// Reads the keys from environment variables.
    ///
    /// | key | variables |
    /// |---|---|
    /// | owner | `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY` |
    /// | platform | `LOGENTRIES_PLATFORM_API_KEY` |
    /// | read/write | `LOGENTRIES_RW_API_KEY` |
    /// | read-only | `LOGENTRIES_RO_API_KEY` |
    ///
    /// # Errors
    ///
    /// Returns an error if no variable is set, only one of the owner pair is set, or a value (including an empty one)
    /// is invalid.
    pub fn from_env() -> Result<Self, CredentialsError> {
        let mut credentials = Self::NONE;
        match (variable(OWNER_ID)?, variable(OWNER_KEY)?) {
            (Some(id), Some(key)) => credentials = credentials.with_owner(&id, &key)?,
            (Some(_), None) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_ID, missing: OWNER_KEY }),
            (None, Some(_)) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_KEY, missing: OWNER_ID }),
            (None, None) => {}
        }
        if let Some(key) = variable(PLATFORM_KEY)? {
            credentials = credentials.with_platform(&key)?;
        }
        if let Some(key) = variable(READ_WRITE_KEY)? {
            credentials = credentials.with_read_write(&key)?;
        }
        if let Some(key) = variable(READ_ONLY_KEY)? {
            credentials = credentials.with_read_only(&key)?;
        }
        match credentials {
            Self { owner: None, platform: None, read_write: None, read_only: None } => {
                Err(CredentialsError::NoKeysInEnv)
            }
            credentials => Ok(credentials),
        }
    }

    /// Returns the least-privileged key that suffices on this kind of host, or the strongest API key if `required` is
    /// `None`, because then the server decides.
    #[inline]
    fn least_privileged(&self, required: Option<Access>, is_platform: bool) -> Option<Key> {
        let read_write =
            if is_platform { [&self.platform, &self.read_write] } else { [&self.read_write, &self.platform] };
        let read_write = || read_write.into_iter().flatten().next();
        let read_only = || self.read_only.as_ref();
        let api_key = match required {
            Some(Access::ReadOnly) if is_platform && self.platform.is_some() => self.platform.as_ref(),
            Some(Access::ReadOnly) => read_only().or_else(read_write),
            Some(Access::ReadWrite) => read_write(),
            Some(Access::Owner) => None,
            None => read_write().or_else(read_only),
        };
        api_key.map(|key| Key::Api(key.header.clone())).or_else(|| self.owner.clone().map(Key::Owner))
    }

    pub(crate) fn owner_key(&self) -> Option<&OwnerKey> {
        self.owner.as_ref()
    }

    /// Returns the digests of the API keys and the access that each grants, least-privileged first.
    pub(crate) fn api_keys(&self) -> impl Iterator<Item = (ApiKeyDigest, Access)> {
        let read_write = self.read_write.as_ref().map(|key| (key.digest, Access::ReadWrite));
        let read_only = self.read_only.as_ref().map(|key| (key.digest, Access::ReadOnly));
        let platform = self.platform.as_ref().map(|key| (key.digest, Access::ReadWrite));
        read_only.into_iter().chain(read_write).chain(platform)
    }
}

/// The key chosen for a request.
pub(crate) enum Key {
    Api(HeaderValue),
    Owner(OwnerKey),
}

/// Handle that replaces the credentials of a layer at run time, for all of its clones and services at once.
///
/// A request whose key was already chosen keeps it, so its id and its signature always belong to the same key.
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

    /// Replaces the credentials. Requests whose key is not chosen yet use the new ones.
    pub fn replace(&self, credentials: Credentials) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    #[inline]
    pub(crate) fn least_privileged(&self, required: Option<Access>, is_platform: bool) -> Option<Key> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).least_privileged(required, is_platform)
    }
}

const OWNER_ID: &str = "LOGENTRIES_OWNER_API_KEY_ID";
const OWNER_KEY: &str = "LOGENTRIES_OWNER_API_KEY";
const PLATFORM_KEY: &str = "LOGENTRIES_PLATFORM_API_KEY";
const READ_WRITE_KEY: &str = "LOGENTRIES_RW_API_KEY";
const READ_ONLY_KEY: &str = "LOGENTRIES_RO_API_KEY";

fn variable(name: &'static str) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    match env::var(name).map(Zeroizing::new) {
        Ok(value) => check(name, &value).map(|()| Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(CredentialsError::NotAscii { name }),
    }
}
