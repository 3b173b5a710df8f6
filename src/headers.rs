//! The two headers of the scheme that no library knows, and headers that may be there once.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `x-api-key: <read/write or read-only key>`
pub(crate) static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `authorization-api-key: <owner key id>:<signature>`
pub(crate) static AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");

/// A header that is there more than once, so that two readers could go by two values.
pub(crate) struct Doubled;

/// The value of a header that may be there once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Doubled> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Doubled),
    }
}
