//! What the methods of requests mean to the scheme. The list is our own, so that it does not depend on which methods the
//! locked version of `http` knows.

use http::Method;

/// Methods none of which is a prefix of another. With a method outside this list, two different requests could share
/// one canonical string, because nothing separates the method from the content type.
const SIGNABLE: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// The methods that ask for no change: RFC 9110, section 9.2.1, and RFC 10008 for `QUERY`.
const SAFE: [&str; 5] = ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"];

/// Returns whether the canonical string of a request with this method is unambiguous.
pub(crate) fn is_signable(method: &Method) -> bool {
    SIGNABLE.contains(&method.as_str())
}

/// Returns whether a request with this method asks for no change, so that a copy of it does no harm.
pub(crate) fn is_safe(method: &Method) -> bool {
    SAFE.contains(&method.as_str())
}

/// Returns whether repeating a request with this method has the effect of sending it once (RFC 9110, section 9.2.2).
#[cfg(feature = "retry")]
pub(crate) fn is_idempotent(method: &Method) -> bool {
    is_safe(method) || matches!(*method, Method::PUT | Method::DELETE)
}

/// Returns whether a request with this method has a `Content-Length` even without a body: the method anticipates one
/// (RFC 9110, section 8.6).
pub(crate) fn anticipates_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
