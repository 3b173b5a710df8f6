//! The keys of an account: what they are, where they come from, which is chosen for a request, and how they are replaced.

mod api_key;
mod error;
mod handle;
mod key;
mod source;

use http::HeaderValue;

use self::api_key::ApiKey;
pub use self::api_key::ApiKeyDigest;
pub use self::error::CredentialsError;
pub use self::handle::CredentialsHandle;
pub use self::key::OwnerKey;
use crate::Access;
use crate::access::Required;

/// The keys of one account: at least one of an owner, a platform, a read/write and a read-only key.
///
/// Each request is sent with the least-privileged key that suffices for its resource. The keys depend on the product:
///
/// | customers of | keys | hosts |
/// |---|---|---|
/// | Logentries | [owner](Self::owner), [read/write](Self::read_write), [read-only](Self::read_only) | `https://rest.logentries.com` |
/// | InsightOps, moved from Logentries | the same, or a platform key | `https://{region}.rest.logs.insight.rapid7.com`, and with a platform key the host of the next row |
/// | the Insight platform | a [platform](Self::platform) key alone: a user or an organization key | `https://{region}.api.insight.rapid7.com/log_search`, or the host of the row above |
///
/// Rapid7 describes them in its overviews of the [log API] and of the [platform]. A platform key is sent as `x-api-key`
/// wherever an API key suffices. It does not sign: accounts and users require an owner key. A layer sends keys to these hosts
/// over https, and to no other unless it is [trusted](crate::LogentriesAuthLayer::trust_origin). [`from_env`](Self::from_env)
/// has the environment variables.
///
/// ```
/// use tower_logentries_auth::Credentials;
///
/// let credentials = Credentials::owner("key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?
///     .with_read_write("a1f0cf5d-8a3c-4c9b-8f0e-0d5a9b7c6e21")?
///     .with_read_only("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")?;
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
///
/// [log API]: https://docs.rapid7.com/insightops/rest-api-overview/
/// [platform]: https://docs.rapid7.com/insight/api-overview/
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

    /// Creates credentials with an owner key, which may have a [label](OwnerKey::with_label).
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, OwnerKey};
    ///
    /// let key = OwnerKey::new("key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?.with_label("2026");
    /// let credentials = Credentials::from_owner_key(key);
    /// assert_eq!(credentials.owner_key().and_then(OwnerKey::label), Some("2026"));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn from_owner_key(key: OwnerKey) -> Self {
        Self::NONE.with_owner_key(key)
    }

    /// Creates credentials with a read/write key.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn read_write(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_read_write(key)
    }

    /// Creates credentials with a read-only key.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
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
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn platform(key: &str) -> Result<Self, CredentialsError> {
        Self::NONE.with_platform(key)
    }

    /// Sets the owner key.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as [`OwnerKey::new`].
    pub fn with_owner(self, id: &str, key: &str) -> Result<Self, CredentialsError> {
        Ok(self.with_owner_key(OwnerKey::new(id, key)?))
    }

    /// Sets the owner key, with its label and account.
    pub fn with_owner_key(self, key: OwnerKey) -> Self {
        Self { owner: Some(key), ..self }
    }

    /// Sets the read/write key.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn with_read_write(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_write: Some(ApiKey::new("read/write key", key)?), ..self })
    }

    /// Sets the read-only key.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn with_read_only(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { read_only: Some(ApiKey::new("read-only key", key)?), ..self })
    }

    /// Sets the platform key. See [`Credentials::platform`].
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn with_platform(self, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self { platform: Some(ApiKey::new("platform key", key)?), ..self })
    }

    /// Returns the owner key, if there is one.
    pub fn owner_key(&self) -> Option<&OwnerKey> {
        self.owner.as_ref()
    }

    /// Returns the least-privileged key that suffices on this kind of host. Where the server decides, that is the strongest
    /// API key.
    fn choose_key(&self, required: Required, is_platform: bool) -> Option<ChosenKey> {
        let [platform, read_write, read_only] = [&self.platform, &self.read_write, &self.read_only].map(Option::as_ref);
        let strongest = if is_platform { platform.or(read_write) } else { read_write.or(platform) };
        let api_key = match required {
            Required::As(Access::ReadOnly) if is_platform => platform.or(read_only).or(read_write),
            Required::As(Access::ReadOnly) => read_only.or(strongest),
            Required::As(Access::ReadWrite) => strongest,
            Required::As(Access::Owner) => None,
            Required::OwnerOrOpen if self.owner.is_some() => None,
            Required::OwnerOrOpen | Required::Open => strongest.or(read_only),
        };
        api_key.map(|key| ChosenKey::Api(key.header.clone())).or_else(|| self.owner.clone().map(ChosenKey::Owner))
    }

    /// Returns the access that an API key grants: the strongest, if it is set as several kinds of key.
    pub(crate) fn granted_to(&self, digest: ApiKeyDigest) -> Option<Access> {
        self.api_keys().filter(|(known, _)| *known == digest).map(|(_, access)| access).max()
    }

    /// Returns the digests of the API keys and the access that each grants, least-privileged first.
    pub(crate) fn api_keys(&self) -> impl Iterator<Item = (ApiKeyDigest, Access)> {
        let keys = [
            (&self.read_only, Access::ReadOnly),
            (&self.read_write, Access::ReadWrite),
            (&self.platform, Access::ReadWrite),
        ];
        keys.into_iter().filter_map(|(key, access)| Some((key.as_ref()?.digest, access)))
    }
}

/// The key that a request is sent with.
pub(crate) enum ChosenKey {
    Api(HeaderValue),
    Owner(OwnerKey),
}

/// Checks that a key or an id is visible ASCII and not empty.
fn check(name: &'static str, text: &str) -> Result<(), CredentialsError> {
    if text.is_empty() {
        return Err(CredentialsError::Empty { name });
    }
    text.chars().try_for_each(|c| match c {
        '!'..='~' => Ok(()),
        c if c.is_whitespace() => Err(CredentialsError::Whitespace { name }),
        c if c.is_control() => Err(CredentialsError::ControlCharacter { name }),
        _ => Err(CredentialsError::NotAscii { name }),
    })
}
