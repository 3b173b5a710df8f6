//! The canonical request: everything that is signed, in order. This module has no I/O, clock or keys.

use std::fmt;

use http::Method;

use super::BodyDigest;

/// The parts of a request that its signature covers.
///
/// `Display` prints the canonical string. Compare it first when a signature is rejected:
///
/// ```
/// use http::Method;
/// use tower_logentries_auth::{BodyDigest, CanonicalRequest};
///
/// let canonical = CanonicalRequest::new(
///     &Method::GET,
///     "/management/accounts/7/users/?limit=5",
///     Some("application/json"),
///     "Thu, 17 Aug 2017 20:16:24 GMT",
///     BodyDigest::EMPTY,
/// );
/// assert_eq!(
///     canonical.to_string(),
///     "GET\
///      application/json\
///      Thu, 17 Aug 2017 20:16:24 GMT\
///      management/accounts/7/users\
///      47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CanonicalRequest<'a> {
    method: &'a Method,
    content_type: &'a [u8],
    date: &'a [u8],
    path: &'a str,
    digest: BodyDigest,
}

impl<'a> CanonicalRequest<'a> {
    /// Creates a canonical request from its parts, without validating them.
    ///
    /// - `target` is the request target in origin form, as sent: `/path?query`. The query, one leading slash and all
    ///   trailing slashes are not signed. Percent-encoding is signed as is.
    /// - `content_type` is the Content-Type header as sent, or `None` if there is none.
    /// - `date` is the Date header as sent.
    /// - `digest` is the digest of the body, or [`BodyDigest::EMPTY`] if there is none.
    ///
    /// The layers reject input that makes the canonical string ambiguous; this constructor does not. Do not use it to
    /// sign a method, date, content type or path that comes from an untrusted source.
    pub fn new(
        method: &'a Method,
        target: &'a str,
        content_type: Option<&'a str>,
        date: &'a str,
        digest: BodyDigest,
    ) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        Self::for_path(method, path, content_type.unwrap_or_default().as_bytes(), date.as_bytes(), digest)
    }

    /// Like [`CanonicalRequest::new`], for a path without a query and the bytes of headers. An absent Content-Type is empty.
    pub(crate) fn for_path(
        method: &'a Method,
        path: &'a str,
        content_type: &'a [u8],
        date: &'a [u8],
        digest: BodyDigest,
    ) -> Self {
        Self { method, content_type, date, path: trim_slashes(path), digest }
    }

    /// Returns the five parts of the canonical string, which are concatenated without separators.
    pub(crate) fn parts(&self) -> [&[u8]; 5] {
        [self.method.as_str().as_bytes(), self.content_type, self.date, self.path.as_bytes(), self.digest.as_bytes()]
    }
}

impl fmt::Display for CanonicalRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, content_type, date, path, digest } = self;
        let (content_type, date) = (String::from_utf8_lossy(content_type), String::from_utf8_lossy(date));
        write!(f, "{method}{content_type}{date}{path}{digest}")
    }
}

impl fmt::Debug for CanonicalRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CanonicalRequest").field(&self.to_string()).finish()
    }
}

/// Strips the leading slash and all trailing ones.
pub(crate) fn trim_slashes(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path).trim_end_matches('/')
}
