//! What a verifier computed for a request whose signature does not match.

use std::sync::Arc;

use crate::CanonicalRequest;

/// What the verifier computed for a request whose signature is invalid.
///
/// Nothing in it is secret: all of it came with the request. The signature is not repeated.
///
/// ```
/// use tower_logentries_auth::Rejection;
///
/// fn log(rejection: &Rejection) {
///     if let Rejection::InvalidSignature(mismatch) = rejection {
///         eprintln!("{} should have signed {:?}", mismatch.key_id(), mismatch.canonical_string());
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    canonical_string: Arc<str>,
    key_id: Arc<str>,
    body_len: usize,
}

impl Mismatch {
    pub(super) fn new(key_id: Arc<str>, canonical: &CanonicalRequest<'_>, body_len: usize) -> Self {
        Self { canonical_string: canonical.to_string().into(), key_id, body_len }
    }

    /// Returns the canonical string of the request as it arrived. The client signed another one, or with another key.
    pub fn canonical_string(&self) -> &str {
        &self.canonical_string
    }

    /// Returns the id of the owner key that the request names.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns how many bytes of body were read and hashed.
    pub fn body_len(&self) -> usize {
        self.body_len
    }
}
