//! The two headers of the scheme, headers that may occur only once, and headers that must not end at the next hop.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_TYPE, DATE, MaxSizeReached},
};

/// `x-api-key: <read/write or read-only key>`
pub(crate) static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `authorization-api-key: <owner key id>:<signature>`
pub(crate) static AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");

/// A header that occurs more than once, so that two readers could use different values.
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

/// Removes the credentials and the signed headers from the names in the Connection header: the headers named there end
/// at the next hop (RFC 9110, section 7.6.1), and hyper does not send them over HTTP/2 at all.
pub(crate) fn keep_end_to_end(headers: &mut HeaderMap) -> Result<(), MaxSizeReached> {
    if !headers.contains_key(CONNECTION) {
        return Ok(());
    }
    let ours = [X_API_KEY.as_str(), AUTHORIZATION_API_KEY.as_str(), DATE.as_str(), CONTENT_TYPE.as_str()];
    let is_ours = |name: &str| ours.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let (removed, kept): (Vec<_>, Vec<_>) =
        named.flat_map(|names| names.split(',')).map(str::trim).partition(|name| is_ours(name));
    if removed.is_empty() {
        return Ok(());
    }
    let kept = HeaderValue::try_from(kept.join(", "));
    headers.remove(CONNECTION);
    if let Ok(kept) = kept
        && !kept.is_empty()
    {
        headers.try_insert(CONNECTION, kept)?;
    }
    Ok(())
}
