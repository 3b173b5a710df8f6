//! The headers of the scheme, headers that may occur only once, and headers that must not end at the next hop.

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

/// The headers that are credentials or signed, as a request has them.
#[derive(Default)]
pub(crate) struct SchemeHeaders<'a> {
    pub(crate) x_api_key: Occurrences<'a>,
    pub(crate) authorization_api_key: Occurrences<'a>,
    pub(crate) date: Occurrences<'a>,
    pub(crate) content_type: Occurrences<'a>,
}

impl<'a> SchemeHeaders<'a> {
    /// Finds them in one pass, which takes less than to look each up: hashing a name is what a lookup costs most.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            if *name == DATE {
                found.date.add(value);
            } else if *name == CONTENT_TYPE {
                found.content_type.add(value);
            } else if *name == X_API_KEY {
                found.x_api_key.add(value);
            } else if *name == AUTHORIZATION_API_KEY {
                found.authorization_api_key.add(value);
            }
        }
        found
    }
}

/// The values of a header that may occur once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Occurrences<'a> {
    value: Option<&'a HeaderValue>,
    is_repeated: bool,
}

impl<'a> Occurrences<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        self.is_repeated |= self.value.replace(value).is_some();
    }

    /// Returns the value, if the header occurs.
    pub(crate) fn single(self) -> Result<Option<&'a HeaderValue>, DuplicateHeader> {
        if self.is_repeated { Err(DuplicateHeader) } else { Ok(self.value) }
    }
}

/// Which headers a request has of those that a client's layer checks or replaces. Hardly any has one.
#[derive(Clone, Copy, Default)]
pub(crate) struct PresentHeaders {
    pub(crate) x_api_key: bool,
    pub(crate) authorization_api_key: bool,
    pub(crate) content_type: bool,
    pub(crate) host: bool,
    pub(crate) connection: bool,
    pub(crate) framing: bool,
}

impl PresentHeaders {
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "x-api-key" => present.x_api_key = true,
                "authorization-api-key" => present.authorization_api_key = true,
                "content-type" => present.content_type = true,
                "host" => present.host = true,
                "connection" => present.connection = true,
                "content-length" | "transfer-encoding" => present.framing = true,
                _ => {}
            }
        }
        present
    }
}

/// Removes the credentials and the signed headers from the names in the Connection header: the headers named there end
/// at the next hop (RFC 9110, section 7.6.1), and hyper does not send them over HTTP/2 at all.
pub(crate) fn keep_end_to_end(headers: &mut HeaderMap) -> Result<(), MaxSizeReached> {
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
