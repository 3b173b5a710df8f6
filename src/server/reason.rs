//! Why a request is rejected, what is told about it, and what the verifier computed for an invalid signature.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, iter};

use http::StatusCode;
use http_body_util::LengthLimitError;

#[cfg(feature = "explain")]
use super::explain::Explained;
use crate::body::BodyError;
#[cfg(feature = "explain")]
use crate::explain::Mistake;
use crate::trace::Rejected;
use crate::{Access, trace};

/// Why a request was rejected.
///
/// | reason | status | [`error_code`](super::Rejection::error_code) |
/// |---|---|---|
/// | `MissingCredentials`, `UnknownKey`, `InvalidSignature`, `DateOutOfTolerance`, `UploadTooSlow`, `Expired` | 401, with `WWW-Authenticate` | `unauthorized` |
/// | `Replayed` | 401, with `WWW-Authenticate` | `replayed` |
/// | `Forbidden` | 403 | `forbidden` |
/// | `Malformed`, `ReadBody`, `BodyLengthMismatch`, `UnsupportedTrailers` | 400 | `bad_request` |
/// | `BodyTooLarge` | 413 | `body_too_large` |
/// | `KeyStoreUnavailable`, `GuardUnavailable` | 503 | `unavailable` |
/// | `MissingVerifyLayer` | 500 | `misconfigured` |
///
/// `Display` is for operators. The client is told [`public_message`](super::Rejection::public_message).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reason {
    /// The request has neither an `x-api-key` nor an `authorization-api-key` header.
    MissingCredentials,
    /// The key store does not know the key.
    UnknownKey,
    /// None of the known keys made this signature for this request.
    InvalidSignature(SignatureMismatch),
    /// The Date differs from the layer's clock by more than its tolerance.
    #[non_exhaustive]
    DateOutOfTolerance {
        /// By how many seconds the Date is ahead of the layer's clock; negative if it is behind.
        offset_secs: i64,
    },
    /// The body was complete so long after the Date that the signature is no longer accepted. See
    /// [`upload_duration`](super::LogentriesVerifyLayer::upload_duration).
    #[non_exhaustive]
    UploadTooSlow {
        /// How many seconds after the Date the body was complete, by the layer's clock.
        elapsed_secs: u64,
    },
    /// The key is valid, but does not grant access to this resource.
    #[non_exhaustive]
    Forbidden {
        /// The access that the resource requires.
        required: Access,
        /// The access that the key grants.
        granted: Access,
    },
    /// The request is ambiguous, or its credentials are not well-formed.
    Malformed(Malformed),
    /// Reading the body failed.
    ReadBody(Arc<dyn Error + Send + Sync>),
    /// The body was shorter or longer than its size hint.
    #[non_exhaustive]
    BodyLengthMismatch {
        /// How many bytes were read.
        read: usize,
    },
    /// The body has trailers, and its type cannot be rebuilt with them.
    UnsupportedTrailers,
    /// The body is longer than the layer buffers.
    #[non_exhaustive]
    BodyTooLarge {
        /// The layer's limit, in bytes, or `None` if an outer layer's [limit](http_body_util::LengthLimitError) was reached.
        limit: Option<usize>,
    },
    /// The key store failed to look the key up.
    KeyStoreUnavailable(Arc<dyn Error + Send + Sync>),
    /// A request with this signature has passed already.
    Replayed,
    /// The request took so long from the verifying layer to the layer that rejects replays that the verifying layer
    /// would no longer accept it. A guard may have forgotten the signature by now.
    Expired,
    /// The guard could not decide whether the signature was used: it is full or unreachable.
    GuardUnavailable(Arc<dyn Error + Send + Sync>),
    /// The request did not come through a [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer): add one outside of the
    /// layer that rejects replays.
    MissingVerifyLayer,
}

/// What is not well-formed about a request. `Display` says what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// The request has more than one credentials header.
    DuplicateCredentials,
    /// `authorization-api-key` is not an id of at most 256 bytes, a `:` and the base64 of 20 bytes.
    Credentials,
    /// A signed request does not have exactly one Date header in the form `Thu, 17 Aug 2017 20:16:24 GMT`.
    Date,
    /// A signed request has two Content-Type headers, or one that is empty or not visible ASCII.
    ContentType,
    /// The method of a signed request would make its canonical string ambiguous.
    Method,
    /// The path of a signed request ends in a slash or does not start with one; or another parser could read the path
    /// of a request with an API key differently; or the path was rewritten after an axum router recorded the original
    /// one.
    Path,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Malformed {
    fn message(self) -> &'static str {
        match self {
            Self::DuplicateCredentials => "send one x-api-key or one authorization-api-key header",
            Self::Credentials => {
                "authorization-api-key takes a key id of at most 256 bytes, a colon and the base64 of 20 bytes"
            }
            Self::Date => "a signed request takes one Date header, as in Thu, 17 Aug 2017 20:16:24 GMT",
            Self::ContentType => "a signed request takes at most one Content-Type header, of visible ASCII",
            Self::Method => "this method cannot be signed",
            Self::Path => {
                "the path is ambiguous: no empty or dot segments, no encoded slashes or letters, no slash at the end of a signed one"
            }
        }
    }
}

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
    pub(super) canonical_string: Arc<str>,
    pub(super) key_id: Arc<str>,
    pub(super) body_len: usize,
    #[cfg(feature = "explain")]
    pub(super) explained: Option<Explained>,
}

impl SignatureMismatch {
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
    /// explains the signature, if [`explain_rejections`](super::LogentriesVerifyLayer::explain_rejections) is not set, or with
    /// [`Explain::Log`](super::Explain::Log) if nobody listens to the event.
    #[cfg(feature = "explain")]
    pub fn mistakes(&self) -> &[Mistake] {
        self.explained.as_ref().map_or(&[], |explained| &explained.mistakes)
    }

    /// Emits the event of the rejected request.
    pub(super) fn log(&self, request: &Rejected<'_>) {
        #[cfg(feature = "explain")]
        let mistakes = self.explained.as_ref().map(Explained::codes);
        #[cfg(not(feature = "explain"))]
        let mistakes = None;
        trace::rejected(request, Some(&self.canonical_string), Some(self.body_len), mistakes);
    }
}

/// What several reasons share: the status of the response, and the code that the client gets.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) error_code: &'static str,
}

const UNAUTHORIZED: Answer = Answer { status: StatusCode::UNAUTHORIZED, error_code: "unauthorized" };
const REPLAYED: Answer = Answer { status: StatusCode::UNAUTHORIZED, error_code: "replayed" };
const FORBIDDEN: Answer = Answer { status: StatusCode::FORBIDDEN, error_code: "forbidden" };
const BAD_REQUEST: Answer = Answer { status: StatusCode::BAD_REQUEST, error_code: "bad_request" };
const BODY_TOO_LARGE: Answer = Answer { status: StatusCode::PAYLOAD_TOO_LARGE, error_code: "body_too_large" };
const UNAVAILABLE: Answer = Answer { status: StatusCode::SERVICE_UNAVAILABLE, error_code: "unavailable" };
const MISCONFIGURED: Answer = Answer { status: StatusCode::INTERNAL_SERVER_ERROR, error_code: "misconfigured" };

impl Reason {
    /// Returns the answer, the kind, and what the client is told.
    pub(super) fn facts(&self) -> (Answer, &'static str, &'static str) {
        const MISMATCH: &str = "the key is unknown or the signature is invalid";
        const UNVERIFIED: &str = "requests are not authenticated here: add LogentriesVerifyLayer outside";
        const USED: &str = "a request with this signature was received before: sign it again, with another date";
        match self {
            Self::MissingCredentials => (UNAUTHORIZED, "missing_credentials", "send x-api-key or a signature"),
            Self::UnknownKey => (UNAUTHORIZED, "unknown_key", MISMATCH),
            Self::InvalidSignature(_) => (UNAUTHORIZED, "invalid_signature", MISMATCH),
            Self::DateOutOfTolerance { .. } => (UNAUTHORIZED, "date_out_of_tolerance", "the Date is too far off"),
            Self::UploadTooSlow { .. } => (UNAUTHORIZED, "upload_too_slow", "the body came too long after the Date"),
            Self::Forbidden { .. } => (FORBIDDEN, "forbidden", "the key does not grant access to this resource"),
            Self::Malformed(malformed) => (BAD_REQUEST, "malformed", malformed.message()),
            Self::ReadBody(_) => (BAD_REQUEST, "read_body", "the body could not be read"),
            Self::BodyLengthMismatch { .. } => (BAD_REQUEST, "body_length_mismatch", "the body's length is wrong"),
            Self::UnsupportedTrailers => (BAD_REQUEST, "unsupported_trailers", "trailers are not accepted here"),
            Self::BodyTooLarge { .. } => (BODY_TOO_LARGE, "body_too_large", "the body is too large"),
            Self::KeyStoreUnavailable(_) => (UNAVAILABLE, "key_store_unavailable", "keys are unavailable"),
            Self::Replayed => (REPLAYED, "replayed", USED),
            Self::Expired => (UNAUTHORIZED, "expired", "the Date expired before the request was complete"),
            Self::GuardUnavailable(_) => (UNAVAILABLE, "guard_unavailable", "the guard is unavailable"),
            Self::MissingVerifyLayer => (MISCONFIGURED, "missing_verify_layer", UNVERIFIED),
        }
    }
}

impl From<Malformed> for Reason {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<BodyError> for Reason {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit: Some(limit) },
            BodyError::Read(source) if is_length_limit(&*source) => Self::BodyTooLarge { limit: None },
            BodyError::Read(source) => Self::ReadBody(source.into()),
            BodyError::LengthMismatch { read } => Self::BodyLengthMismatch { read },
            BodyError::UnsupportedTrailers => Self::UnsupportedTrailers,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the key is unknown"),
            Self::InvalidSignature(_) => f.write_str("the signature is invalid"),
            Self::DateOutOfTolerance { offset_secs } => {
                let direction = if *offset_secs < 0 { "behind" } else { "ahead of" };
                write!(f, "the Date is {} seconds {direction} the server's clock", offset_secs.unsigned_abs())
            }
            Self::UploadTooSlow { elapsed_secs } => write!(f, "the body came {elapsed_secs} seconds after the Date"),
            Self::Forbidden { required, granted } => write!(f, "the key grants {granted} access, not {required}"),
            Self::BodyLengthMismatch { read } => {
                write!(f, "the body had {read} bytes, which contradicts its size hint")
            }
            Self::BodyTooLarge { limit: Some(limit) } => write!(f, "the body is longer than {limit} bytes"),
            reason => f.write_str(reason.facts().2),
        }
    }
}

/// Returns whether a body failed because an outer layer limits its length.
fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(|error| error.is::<LengthLimitError>())
}
