//! The canonical request: everything that is signed, in the order in which it is signed.
//!
//! No I/O, no clock, no key: the whole scheme is on this page.

use std::fmt;

use http::Method;

use crate::BodyDigest;

/// What the signature of one request covers.
///
/// `Display` prints the canonical string, the first thing to compare when a signature is refused:
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
#[derive(Debug, Clone, Copy)]
pub struct CanonicalRequest<'a> {
    method: &'a Method,
    content_type: &'a str,
    date: &'a str,
    path: &'a str,
    digest: BodyDigest,
}

impl<'a> CanonicalRequest<'a> {
    /// Nothing is checked here, since nothing is sent: the layers refuse what could be read in two ways, so do not sign with
    /// this a method, date, content type or path that somebody else chose.
    ///
    /// - `target` is the request target in origin form, as it is sent: `/path?query`. The query, the one leading slash
    ///   and trailing slashes are not signed; percent-encoding is signed as it stands.
    /// - `content_type` is the Content-Type header as it is sent, or `None` where none is.
    /// - `date` is the Date header as it is sent.
    /// - `digest` is that of the body, [`BodyDigest::EMPTY`] where there is none.
    pub fn new(
        method: &'a Method,
        target: &'a str,
        content_type: Option<&'a str>,
        date: &'a str,
        digest: BodyDigest,
    ) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        Self::for_path(method, path, content_type, date, digest)
    }

    /// The same of a target that has no query.
    pub(crate) fn for_path(
        method: &'a Method,
        path: &'a str,
        content_type: Option<&'a str>,
        date: &'a str,
        digest: BodyDigest,
    ) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
        Self { method, content_type: content_type.unwrap_or_default(), date, path, digest }
    }

    /// The canonical string in its five parts. Nothing stands between them.
    pub(crate) fn parts(&self) -> [&[u8]; 5] {
        [
            self.method.as_str().as_bytes(),
            self.content_type.as_bytes(),
            self.date.as_bytes(),
            self.path.as_bytes(),
            self.digest.as_bytes(),
        ]
    }
}

impl fmt::Display for CanonicalRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, content_type, date, path, digest } = self;
        write!(f, "{method}{content_type}{date}{path}{digest}")
    }
}

/// The methods of which none is a prefix of another. With a method outside this list, two different requests could
/// share one canonical string, since nothing separates the method from the content type.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// Whether the canonical string of a request with this method can be read one way only.
pub(crate) fn is_unambiguous(method: &Method) -> bool {
    METHODS.contains(&method.as_str())
}
