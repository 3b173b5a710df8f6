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

    /// Reads the keys from anywhere, by the names that [`from_env`](Self::from_env) reads: a vault, or a map in a test.
    ///
    /// One line end after a value is ignored, because files often have one.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use tower_logentries_auth::Credentials;
    ///
    /// let secret = HashMap::from([("LOGENTRIES_RO_API_KEY", "5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")]);
    /// let credentials = Credentials::from_lookup(|name| secret.get(name))?;
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`from_env`](Self::from_env).
    pub fn from_lookup<V: AsRef<str>>(lookup: impl Fn(&str) -> Option<V>) -> Result<Self, CredentialsError> {
        Self::try_from_lookup(|name| Ok(lookup(name)))
    }

    /// Like [`from_lookup`](Self::from_lookup), where a lookup can fail. A key that cannot be read is no key that is missing.
    ///
    /// ```
    /// use std::{error::Error, fs, io::ErrorKind};
    /// use tower_logentries_auth::Credentials;
    ///
    /// # let directory = std::env::temp_dir().join(format!("logentries-keys-{}", std::process::id()));
    /// # fs::create_dir_all(&directory)?;
    /// # fs::write(directory.join("LOGENTRIES_RO_API_KEY"), "5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e\n")?;
    /// // One file for each key.
    /// let lookup = |name: &str| match fs::read_to_string(directory.join(name)) {
    ///     Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
    ///     text => text.map(Some).map_err(|error| format!("{name}: {error}")),
    /// };
    /// let credentials = Credentials::try_from_lookup(|name| lookup(name).map_err(Box::<dyn Error>::from))?;
    /// # fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first error of a lookup, and an error under the same conditions as [`from_env`](Self::from_env).
    pub fn try_from_lookup<V, E>(lookup: impl Fn(&str) -> Result<Option<V>, E>) -> Result<Self, E>
    where
        V: AsRef<str>,
        E: From<CredentialsError>,
    {
        let owned = |value: V| Zeroizing::new(without_line_end(value.as_ref()).to_owned());
        Self::read(|name| Ok(lookup(name)?.map(owned)))
    }

    fn read<E: From<CredentialsError>>(lookup: impl Fn(&'static str) -> Result<Value, E>) -> Result<Self, E> {
        let api_key = |name| Ok::<_, E>(lookup(name)?.map(|key| ApiKey::new(name, &key)).transpose()?);
        let checked = |name| Ok::<_, E>(lookup(name)?.map(|value| check(name, &value).map(|()| value)).transpose()?);
        let incomplete = |set, missing| Err(CredentialsError::IncompleteOwnerKey { set, missing });
        let owner = match (checked(OWNER_ID)?, checked(OWNER_KEY)?) {
            (Some(id), Some(key)) => Some(OwnerKey::new(&id, &key)?),
            (Some(_), None) => incomplete(OWNER_ID, OWNER_KEY)?,
            (None, Some(_)) => incomplete(OWNER_KEY, OWNER_ID)?,
            (None, None) => None,
        };
        let (platform, read_write, read_only) =
            (api_key(PLATFORM_KEY)?, api_key(READ_WRITE_KEY)?, api_key(READ_ONLY_KEY)?);
        if owner.is_none() && platform.is_none() && read_write.is_none() && read_only.is_none() {
            return Err(CredentialsError::NoKeys.into());
        }
        Ok(Self { owner, platform, read_write, read_only })
    }
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
