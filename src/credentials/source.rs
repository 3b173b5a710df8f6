//! Where credentials come from: environment variables, or anything else that has values by the same names.

use std::env;

use zeroize::Zeroizing;

use super::api_key::ApiKey;
use super::{Credentials, CredentialsError, OwnerKey, check};

pub(super) const OWNER_ID: &str = "LOGENTRIES_OWNER_API_KEY_ID";
pub(super) const OWNER_KEY: &str = "LOGENTRIES_OWNER_API_KEY";
pub(super) const PLATFORM_KEY: &str = "LOGENTRIES_PLATFORM_API_KEY";
pub(super) const READ_WRITE_KEY: &str = "LOGENTRIES_RW_API_KEY";
pub(super) const READ_ONLY_KEY: &str = "LOGENTRIES_RO_API_KEY";

type Value = Option<Zeroizing<String>>;

impl Credentials {
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
        Self::read(|name| match env::var(name) {
            Ok(value) => Ok(Some(Zeroizing::new(value))),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(CredentialsError::NotAscii { name }),
        })
    }

    /// Reads the keys from anywhere, by the names that [`from_env`](Self::from_env) reads: files, a vault, a map in a test.
    ///
    /// One line end after a value is ignored, because files often have one.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`from_env`](Self::from_env).
    ///
    /// ```
    /// use std::fs;
    /// use tower_logentries_auth::Credentials;
    ///
    /// # let directory = std::env::temp_dir().join(format!("logentries-keys-{}", std::process::id()));
    /// # fs::create_dir_all(&directory)?;
    /// # fs::write(directory.join("LOGENTRIES_RO_API_KEY"), "5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e\n")?;
    /// // One file a key, as Kubernetes mounts a secret.
    /// let credentials = Credentials::from_lookup(|name| fs::read_to_string(directory.join(name)).ok())?;
    /// # fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_lookup<V: AsRef<str>>(lookup: impl Fn(&str) -> Option<V>) -> Result<Self, CredentialsError> {
        Self::read(|name| {
            let value = lookup(name);
            Ok(value.map(|value| Zeroizing::new(without_line_end(value.as_ref()).to_owned())))
        })
    }

    fn read(lookup: impl Fn(&'static str) -> Result<Value, CredentialsError>) -> Result<Self, CredentialsError> {
        let api_key = |name| lookup(name)?.map(|key| ApiKey::new(name, &key)).transpose();
        let checked = |name| lookup(name)?.map(|value| check(name, &value).map(|()| value)).transpose();
        let owner = match (checked(OWNER_ID)?, checked(OWNER_KEY)?) {
            (Some(id), Some(key)) => Some(OwnerKey::new(&id, &key)?),
            (Some(_), None) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_ID, missing: OWNER_KEY }),
            (None, Some(_)) => return Err(CredentialsError::IncompleteOwnerKey { set: OWNER_KEY, missing: OWNER_ID }),
            (None, None) => None,
        };
        let (platform, read_write, read_only) =
            (api_key(PLATFORM_KEY)?, api_key(READ_WRITE_KEY)?, api_key(READ_ONLY_KEY)?);
        if owner.is_none() && platform.is_none() && read_write.is_none() && read_only.is_none() {
            return Err(CredentialsError::NoKeys);
        }
        Ok(Self { owner, platform, read_write, read_only })
    }
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
