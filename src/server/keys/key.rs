//! A key as a request presents it, and as a store has it.

use std::str::FromStr;
use std::sync::Arc;

use crate::{Access, ApiKeyDigest, Identity, InvalidText};

/// The key that a request presents. The signature and the API key itself are not in it.
///
/// For a text column, or a message that has other processes invalidate a cache, [`to_text`](Self::to_text) and `FromStr`
/// convert it:
///
/// ```
/// use tower_logentries_auth::{ApiKeyDigest, server::PresentedKey};
///
/// let owner_key = PresentedKey::OwnerKeyId("key-id".into());
/// assert_eq!(owner_key.to_text(), "owner-key-id:key-id");
///
/// let api_key = PresentedKey::ApiKey(ApiKeyDigest::of("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e"));
/// assert_eq!(api_key.to_text().parse(), Ok(api_key));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresentedKey {
    /// The id of an owner key, of at most 256 bytes.
    OwnerKeyId(Arc<str>),
    /// The digest of an API key.
    ApiKey(ApiKeyDigest),
}

const OWNER_KEY_ID: &str = "owner-key-id:";
const API_KEY: &str = "api-key:";

impl PresentedKey {
    /// Returns `owner-key-id:` and the id, or `api-key:` and the 64 hex digits of the digest.
    pub fn to_text(&self) -> String {
        match self {
            Self::OwnerKeyId(id) => format!("{OWNER_KEY_ID}{id}"),
            Self::ApiKey(digest) => format!("{API_KEY}{}", digest.to_text()),
        }
    }
}

impl FromStr for PresentedKey {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        if let Some(id) = text.strip_prefix(OWNER_KEY_ID).filter(|id| !id.is_empty()) {
            return Ok(Self::OwnerKeyId(id.into()));
        }
        let digest = text.strip_prefix(API_KEY).and_then(|digest| digest.parse().ok());
        digest
            .map(Self::ApiKey)
            .ok_or(InvalidText { expected: "`owner-key-id:` and an id, or `api-key:` and 64 hex digits" })
    }
}

/// An API key as a key store has it: the access that it grants, and whose it is.
///
/// ```
/// use tower_logentries_auth::{Access, server::StoredApiKey};
///
/// let key = StoredApiKey::new(Access::ReadOnly).with_id("dashboard").with_account("acme");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    access: Access,
    id: Option<Arc<str>>,
    account: Option<Arc<str>>,
}

impl StoredApiKey {
    /// Creates an API key that grants this access: at most [`Access::ReadWrite`], because an owner's resource requires a
    /// signature.
    pub fn new(access: Access) -> Self {
        Self { access: access.min(Access::ReadWrite), id: None, account: None }
    }

    /// Sets the id of the key, for [`Identity::key_id`].
    pub fn with_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Sets the account that the key belongs to, for [`Identity::account`].
    pub fn with_account(self, account: impl Into<Arc<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// Returns the access that the key grants.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Returns the id of the key, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the account that the key belongs to, if the store names one.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    pub(in crate::server) fn into_identity(self) -> Identity {
        Identity { access: self.access, key_id: self.id, key_label: None, account: self.account }
    }
}
