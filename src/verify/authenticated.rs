//! What a handler learns of a request that passed.

use std::sync::Arc;

use crate::Access;

/// Who sent a request that passed, in the request's extensions.
///
/// With feature `axum` it is an extractor. A handler that serves several accounts holds them apart by it:
///
/// ```
/// use axum::extract::Path;
/// use http::StatusCode;
/// use tower_logentries_auth::Authenticated;
///
/// async fn users(who: Authenticated, Path(account): Path<String>) -> Result<String, StatusCode> {
///     if who.principal.as_deref() != Some(&*account) {
///         return Err(StatusCode::FORBIDDEN);
///     }
///     Ok(format!("the users of {account}"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticated {
    /// What the key gives access to: at least what the resource takes.
    pub access: Access,
    /// The id of the owner key, or what the store calls the API key.
    pub api_key_id: Option<Arc<str>>,
    /// The account that the key belongs to, where the store names it, as [`Accounts`](crate::Accounts) do and plain
    /// [`Credentials`](crate::Credentials) do not. A good key of one account does not make its request one about that account.
    pub principal: Option<Arc<str>>,
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<S: Sync> axum::extract::FromRequestParts<S> for Authenticated {
    type Rejection = (http::StatusCode, &'static str);

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        const MISSING: &str =
            "no LogentriesVerifyLayer is around this route: add it with Router::layer below the route";
        parts.extensions.get().cloned().ok_or((http::StatusCode::INTERNAL_SERVER_ERROR, MISSING))
    }
}
