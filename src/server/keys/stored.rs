//! An API key as a key store has it.

use std::sync::Arc;

use crate::{Access, Identity};

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
