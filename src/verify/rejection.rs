//! Why a request is rejected, and what the client learns.

use std::{error::Error, fmt, iter, sync::Arc};

use http::{Response, StatusCode};
use http_body_util::LengthLimitError;
use tower::BoxError;

use super::{Mismatch, ResponseBody};
use crate::{
    Access,
    body::BodyError,
    json_response::{json_response, json_string},
};

/// Why a request was rejected. It is in the extensions of the response, for logs and metrics.
///
/// The response itself says less. Its JSON, `{"errorCode": "...", "message": "..."}`, is the same for an unknown key
/// and for an invalid signature, and never says what differs from what was signed, unless
/// [`explain_rejections`](super::LogentriesVerifyLayer::explain_rejections) is set.
///
/// | rejection | status | `errorCode` |
/// |---|---|---|
/// | `MissingCredentials`, `UnknownKey`, `InvalidSignature`, `DateOutOfTolerance`, `UploadTooSlow` | 401, with `WWW-Authenticate` | `unauthorized` |
/// | `Forbidden` | 403 | `forbidden` |
/// | `MalformedRequest`, `ReadBody`, `BodyLengthMismatch`, `UnsupportedTrailers` | 400 | `bad_request` |
/// | `BodyTooLarge`, `ReadBody` because of an outer layer's [limit](http_body_util::LengthLimitError) | 413 | `body_too_large` |
/// | `KeyStoreUnavailable` | 503 | `unavailable` |
///
/// An outer layer can read it:
///
/// ```
/// use axum::{middleware::map_response, response::Response};
/// use tower_logentries_auth::Rejection;
///
/// async fn count_rejections(response: Response) -> Response {
///     if let Some(rejection) = response.extensions().get::<Rejection>() {
///         eprintln!("{} {}: {rejection}", rejection.status(), rejection.kind());
///     }
///     response
/// }
/// # let app: axum::Router = axum::Router::new();
/// let app = app.layer(map_response(count_rejections)); // added after, so outside of, LogentriesVerifyLayer
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Rejection {
    /// The request has neither an `x-api-key` nor an `authorization-api-key` header.
    MissingCredentials,
    /// The key store does not know the key.
    UnknownKey,
    /// None of the known keys made this signature for this request.
    InvalidSignature(Box<Mismatch>),
    /// The Date differs from the layer's clock by more than its tolerance.
    DateOutOfTolerance {
        /// By how many seconds the Date is ahead of the layer's clock; negative if it is behind.
        offset_secs: i64,
    },
    /// The body was complete so long after the Date that the signature is no longer accepted. See
    /// [`upload_time`](super::LogentriesVerifyLayer::upload_time).
    UploadTooSlow {
        /// How many seconds after the Date the body was complete, by the layer's clock.
        elapsed_secs: u64,
    },
    /// The key is valid, but does not grant access to this resource.
    Forbidden {
        /// The access that the resource requires.
        required: Access,
        /// The access that the key grants.
        granted: Access,
        /// The id that the store has for the key.
        key_id: Option<Arc<str>>,
    },
    /// The request is ambiguous, or its credentials are not well-formed.
    MalformedRequest(MalformedRequest),
    /// Reading the body failed.
    ReadBody {
        /// The body's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The body was shorter or longer than its size hint.
    BodyLengthMismatch {
        /// How many bytes were read.
        read: usize,
    },
    /// The body has trailers, and its type cannot be rebuilt with them.
    UnsupportedTrailers,
    /// The body is longer than the layer buffers.
    BodyTooLarge {
        /// The layer's limit, in bytes.
        limit: usize,
    },
    /// The key store failed to look the key up.
    KeyStoreUnavailable {
        /// The store's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// What is not well-formed about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MalformedRequest {
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

impl MalformedRequest {
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

impl Rejection {
    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingCredentials
            | Self::UnknownKey
            | Self::InvalidSignature(_)
            | Self::DateOutOfTolerance { .. }
            | Self::UploadTooSlow { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::ReadBody { source } if is_length_limit(&**source) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MalformedRequest(_)
            | Self::ReadBody { .. }
            | Self::BodyLengthMismatch { .. }
            | Self::UnsupportedTrailers => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::KeyStoreUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns a label for metrics, such as `invalid_signature`: the name of the variant in snake case.
    ///
    /// A body that exceeds an outer layer's limit is `body_too_large`, like one that exceeds this layer's.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "missing_credentials",
            Self::UnknownKey => "unknown_key",
            Self::InvalidSignature(_) => "invalid_signature",
            Self::DateOutOfTolerance { .. } => "date_out_of_tolerance",
            Self::UploadTooSlow { .. } => "upload_too_slow",
            Self::Forbidden { .. } => "forbidden",
            Self::MalformedRequest(_) => "malformed_request",
            Self::ReadBody { source } if is_length_limit(&**source) => "body_too_large",
            Self::ReadBody { .. } => "read_body",
            Self::BodyLengthMismatch { .. } => "body_length_mismatch",
            Self::UnsupportedTrailers => "unsupported_trailers",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::KeyStoreUnavailable { .. } => "key_store_unavailable",
        }
    }

    fn code(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "bad_request",
        }
    }

    /// The message for the client.
    fn message(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "send an x-api-key header, or Date and authorization-api-key",
            Self::UnknownKey | Self::InvalidSignature(_) => "the key is unknown or the signature is invalid",
            Self::DateOutOfTolerance { .. } => "the Date is too far from the server's time",
            Self::UploadTooSlow { .. } => "the body was complete too long after the Date",
            Self::Forbidden { .. } => "the key does not grant access to this resource",
            Self::MalformedRequest(malformed) => malformed.message(),
            Self::ReadBody { source } if is_length_limit(&**source) => "the body is too large",
            Self::ReadBody { .. } => "the body could not be read",
            Self::BodyLengthMismatch { .. } => "the length of the body contradicts its headers",
            Self::UnsupportedTrailers => "trailers are not accepted here",
            Self::BodyTooLarge { .. } => "the body is too large",
            Self::KeyStoreUnavailable { .. } => "keys cannot be looked up at the moment",
        }
    }

    /// The details for the client about an invalid signature, if enabled: members of a JSON object, each after a comma.
    fn details(&self) -> String {
        let Self::InvalidSignature(mismatch) = self else { return String::new() };
        let Some(mistakes) = mismatch.explanation() else { return String::new() };
        let codes: Vec<_> = mistakes.iter().map(|mistake| json_string(mistake.code())).collect();
        let canonical_string = json_string(mismatch.canonical_string());
        format!(r#","canonicalString":{canonical_string},"mistakes":[{}]"#, codes.join(","))
    }

    /// Builds the response, dated by the layer's clock.
    pub(super) fn into_response<ResBody>(self, now: Option<u64>, is_head: bool) -> Response<ResponseBody<ResBody>> {
        let details = self.details();
        let mut response = json_response(self.status(), self.code(), self.message(), &details, now, is_head);
        response.extensions_mut().insert(self);
        response
    }

    /// Returns the id that the store has for the key.
    #[cfg(feature = "tracing")]
    pub(crate) fn key_id(&self) -> Option<&str> {
        match self {
            Self::Forbidden { key_id, .. } => key_id.as_deref(),
            _ => None,
        }
    }

    pub(super) fn key_store_unavailable(error: impl Into<BoxError>) -> Self {
        Self::KeyStoreUnavailable { source: error.into().into() }
    }
}

impl From<MalformedRequest> for Rejection {
    fn from(malformed: MalformedRequest) -> Self {
        Self::MalformedRequest(malformed)
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit },
            BodyError::Read(source) => Self::ReadBody { source: source.into() },
            BodyError::LengthMismatch { read } => Self::BodyLengthMismatch { read },
            BodyError::UnsupportedTrailers => Self::UnsupportedTrailers,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the key is unknown"),
            Self::InvalidSignature(mismatch) => {
                f.write_str("the signature is invalid")?;
                mismatch.mistakes().iter().try_for_each(|mistake| write!(f, "; {}: {mistake}", mistake.code()))
            }
            Self::DateOutOfTolerance { offset_secs } => write_offset(f, *offset_secs),
            Self::UploadTooSlow { elapsed_secs } => {
                write!(f, "the body was complete {elapsed_secs} seconds after the Date")
            }
            Self::Forbidden { required, granted, .. } => {
                write!(f, "the key grants {granted} access, the resource requires {required}")
            }
            Self::BodyLengthMismatch { read } => {
                write!(f, "the body had {read} bytes, which contradicts its size hint")
            }
            Self::BodyTooLarge { limit } => write!(f, "the body is longer than {limit} bytes"),
            rejection => f.write_str(rejection.message()),
        }
    }
}

/// Half an hour: time zones differ by multiples of it.
const HALF_HOUR: u64 = 30 * 60;
/// By how many seconds a clock may be wrong for a time zone to be recognized.
const ZONE_SLACK: u64 = 60;

/// Writes how far and in which direction a Date is off, and which time zone would explain it.
fn write_offset(f: &mut fmt::Formatter<'_>, offset_secs: i64) -> fmt::Result {
    let (secs, is_ahead) = (offset_secs.unsigned_abs(), offset_secs >= 0);
    let direction = if is_ahead { "ahead of" } else { "behind" };
    write!(f, "the Date is {secs} seconds {direction} the server's clock")?;
    let half_hours = secs.saturating_add(HALF_HOUR / 2) / HALF_HOUR;
    let farthest = if is_ahead { 14 * 2 } else { 12 * 2 };
    if secs.abs_diff(half_hours.saturating_mul(HALF_HOUR)) > ZONE_SLACK || !(1..=farthest).contains(&half_hours) {
        return Ok(());
    }
    let (sign, hours, minutes) = (if is_ahead { '+' } else { '-' }, half_hours / 2, half_hours % 2 * 30);
    write!(f, ", as if local time of UTC{sign}{hours:02}:{minutes:02} had been sent as GMT")
}

/// Returns whether a body failed because an outer layer limits its length.
fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(|error| error.is::<LengthLimitError>())
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ReadBody { source } | Self::KeyStoreUnavailable { source } => Some(&**source),
            _ => None,
        }
    }
}
