//! What the verifier computed for a request whose signature does not match.

use std::sync::Arc;

use crate::CanonicalRequest;
#[cfg(feature = "explain")]
use crate::explain::Mistake;
use crate::trace::{self, Rejected};

/// What the verifier computed for a request whose signature is invalid.
///
/// It contains nothing secret: everything came with the request. The signature is not included.
///
/// ```
/// use tower_logentries_auth::{Rejection, server::Reason};
///
/// fn log(rejection: &Rejection) {
///     if let Reason::InvalidSignature(mismatch) = rejection.reason() {
///         eprintln!("{} should have signed {:?}", mismatch.key_id(), mismatch.canonical_string());
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureMismatch {
    canonical_string: Arc<str>,
    key_id: Arc<str>,
    body_len: usize,
    #[cfg(feature = "explain")]
    mistakes: Option<Arc<[Mistake]>>,
}

impl SignatureMismatch {
    pub(super) fn new(key_id: Arc<str>, canonical: &CanonicalRequest<'_>, body_len: usize) -> Self {
        Self {
            canonical_string: canonical.to_string().into(),
            key_id,
            body_len,
            #[cfg(feature = "explain")]
            mistakes: None,
        }
    }

    #[cfg(feature = "explain")]
    pub(super) fn explained(self, mistakes: Vec<Mistake>) -> Self {
        Self { mistakes: Some(mistakes.into()), ..self }
    }

    /// Returns the canonical string of the request as it arrived. The client signed a different one, or used another
    /// key.
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

    /// Returns the mistake, or the pair of mistakes, with which the signature was made. It is empty if no common mistake
    /// explains the signature, or if [`explain_rejections`](super::LogentriesVerifyLayer::explain_rejections) is not set.
    #[cfg(feature = "explain")]
    pub fn mistakes(&self) -> &[Mistake] {
        self.mistakes.as_deref().unwrap_or_default()
    }

    /// Emits the event of the request that this is about.
    pub(super) fn log(&self, request: &Rejected<'_>) {
        #[cfg(feature = "explain")]
        let mistakes = self.mistakes.as_ref().map(|mistakes| mistakes.iter().map(|mistake| mistake.code()).collect());
        #[cfg(not(feature = "explain"))]
        let mistakes = None;
        trace::rejected(request, Some(&self.canonical_string), Some(self.body_len), mistakes);
    }
}
