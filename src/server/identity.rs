//! The identity of an authenticated request, for handlers.

use std::sync::Arc;

use http::Method;

#[cfg(feature = "axum")]
use super::{Reason, Rejection};
use crate::{Access, OwnerKey, trace};

/// The identity of an authenticated request. [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) adds it to the
/// request's extensions.
///
/// It is in the extensions of the response too, so that an outer layer can log and count by it.
///
/// With feature `axum`, it is an extractor. A handler for several accounts must compare the account with the path,
/// because a valid key does not prove that the path refers to the same account:
///
/// ```
/// use axum::extract::Path;
/// use http::StatusCode;
/// use tower_logentries_auth::{Access, Identity};
///
/// async fn users(identity: Identity, Path(account): Path<String>) -> Result<String, StatusCode> {
///     if identity.account.as_deref() != Some(&*account) {
///         return Err(StatusCode::FORBIDDEN);
///     }
///     Ok(format!("the users of {account}"))
/// }
///
/// // In a unit test, without a layer:
/// # #[tokio::main]
/// # async fn main() {
/// let identity = Identity::new(Access::Owner).with_account("acme");
/// assert_eq!(users(identity, Path("globex".to_owned())).await, Err(StatusCode::FORBIDDEN));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The access that the key grants: at least what the resource requires.
    pub access: Access,
    /// The id of the owner key, or the id that the store has for the API key.
    pub key_id: Option<Arc<str>>,
    /// The label of the owner key, which distinguishes two keys that share an id while they rotate.
    pub key_label: Option<Arc<str>>,
    /// The account that the key belongs to, if the store names one. [`MemoryKeyStore`](super::MemoryKeyStore) does,
    /// [`Credentials`](crate::Credentials) do not.
    pub account: Option<Arc<str>>,
}

impl Identity {
    /// Creates an identity with this access and nothing else, for tests of handlers.
    pub fn new(access: Access) -> Self {
        Self { access, key_id: None, key_label: None, account: None }
    }

    pub(super) fn of_owner_key(key: &OwnerKey) -> Self {
        let (id, key_label, account) = key.names();
        Self { access: Access::Owner, key_id: Some(id), key_label, account }
    }

    /// Emits the event of a request that was accepted.
    pub(super) fn log(&self, method: &Method, path: &str) {
        let Self { access, key_id, key_label, account } = self;
        trace::accepted(method, path, *access, key_id.as_deref(), key_label.as_deref(), account.as_deref());
    }

    /// Sets the account that the key belongs to.
    pub fn with_account(self, account: impl Into<Arc<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }
}

/// Fails with [`Reason::MissingVerifyLayer`](super::Reason::MissingVerifyLayer) if no
/// [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) wraps the route.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| Reason::MissingVerifyLayer.into())
    }
}
