//! The header names of the scheme, and headers that may occur only once.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header `x-api-key`, which carries an API key.
///
/// Its value is a secret. tower-http's `SetSensitiveRequestHeadersLayer` hides it from layers that log:
///
/// ```
/// use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
/// use tower_logentries_auth::{AUTHORIZATION_API_KEY, X_API_KEY};
///
/// let layer = SetSensitiveRequestHeadersLayer::new([X_API_KEY, AUTHORIZATION_API_KEY]);
/// ```
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The header `authorization-api-key`, which carries `key-id:signature`.
///
/// A signature suffices to replay its request, so its value should be hidden from logs, like that of [`X_API_KEY`].
pub const AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");

/// A header that occurs more than once, so that two readers could use different values.
#[derive(Debug)]
pub(crate) struct DuplicateHeader;

/// Returns the value of a header that may occur once.
pub(crate) fn single_value(
    headers: &HeaderMap,
    name: impl http::header::AsHeaderName,
) -> Result<Option<&HeaderValue>, DuplicateHeader> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() { Err(DuplicateHeader) } else { Ok(value) }
}
