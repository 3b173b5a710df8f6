//! The two headers of the scheme that no library knows.

use http::HeaderName;

/// `x-api-key: <read/write or read-only key>`
pub(crate) static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `authorization-api-key: <owner key id>:<signature>`
pub(crate) static AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");
