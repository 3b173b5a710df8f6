//! The two headers of the scheme, and headers that may occur only once.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `x-api-key: <read/write or read-only key>`
pub(crate) static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `authorization-api-key: <owner key id>:<signature>`
pub(crate) static AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");

/// A header that occurs more than once, so that two readers could go by two values.
pub(crate) struct DuplicateHeader;

/// Returns the value of a header that may occur once.
pub(crate) fn single_value<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, DuplicateHeader> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() { Err(DuplicateHeader) } else { Ok(value) }
}
