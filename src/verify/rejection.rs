//! Why a request is rejected, and what the client learns about it.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, WWW_AUTHENTICATE},
};
use tower::BoxError;

use super::ResponseBody;
use crate::{Access, body::BodyError, clock};

/// Why a request was rejected. It is in the extensions of the response, for logs and metrics.
///
/// The response itself says less. Its JSON, `{"errorCode": "...", "message": "..."}`, is the same for an unknown key and
/// for an invalid signature, and never says what differs from what was signed.
///
/// | rejection | status | `errorCode` |
/// |---|---|---|
/// | `MissingCredentials`, `UnknownKey`, `InvalidSignature`, `DateOutOfTolerance` | 401, with `WWW-Authenticate` | `unauthorized` |
/// | `Forbidden` | 403 | `forbidden` |
/// | `MalformedRequest`, `ReadBody`, `BodyLengthMismatch`, `UnsupportedTrailers` | 400 | `bad_request` |
/// | `BodyTooLarge` | 413 | `body_too_large` |
/// | `KeyStoreUnavailable` | 503 | `unavailable` |
/// A layer outside the verifying one sees it:
///
/// ```
/// use axum::{middleware::map_response, response::Response};
/// use tower_logentries_auth::Rejection;
///
/// async fn count_rejections(response: Response) -> Response {
///     if let Some(rejection) = response.extensions().get::<Rejection>() {
///         eprintln!("{}: {rejection}", rejection.status());
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
    InvalidSignature,
    /// The Date differs from the layer's clock by more than its tolerance.
    DateOutOfTolerance,
    /// The key is valid, but does not grant access to this resource.
    Forbidden {
        /// The access that the resource requires.
        required: Access,
        /// The access that the key grants.
        granted: Access,
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
    /// There are two credentials headers.
    DuplicateCredentials,
    /// `authorization-api-key` is not an id, a `:` and the base64 of 20 bytes.
    Credentials,
    /// A signed request does not have exactly one Date header in the form `Thu, 17 Aug 2017 20:16:24 GMT`.
    Date,
    /// A signed request has two Content-Type headers, or one that is empty or not visible ASCII.
    ContentType,
    /// The method of a signed request would make its canonical string ambiguous.
    Method,
    /// The path of a signed request ends in a slash or does not start with one; or another parser could read the path of
    /// a request with an API key differently; or the path was rewritten after an axum router recorded the original one.
    Path,
}

impl MalformedRequest {
    fn message(self) -> &'static str {
        match self {
            Self::DuplicateCredentials => "send one x-api-key or one authorization-api-key header",
            Self::Credentials => "authorization-api-key takes a key id, a colon and the base64 of 20 bytes",
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
            Self::MissingCredentials | Self::UnknownKey | Self::InvalidSignature | Self::DateOutOfTolerance => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::MalformedRequest(_)
            | Self::ReadBody { .. }
            | Self::BodyLengthMismatch { .. }
            | Self::UnsupportedTrailers => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::KeyStoreUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
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

    /// What the client learns. None of these texts has a character that JSON escapes.
    fn message(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "send an x-api-key header, or Date and authorization-api-key",
            Self::UnknownKey | Self::InvalidSignature => "the key is unknown or the signature is invalid",
            Self::DateOutOfTolerance => "the Date is too far from the server's time",
            Self::Forbidden { .. } => "the key does not grant access to this resource",
            Self::MalformedRequest(malformed) => malformed.message(),
            Self::ReadBody { .. } => "the body could not be read",
            Self::BodyLengthMismatch { .. } => "the length of the body contradicts its headers",
            Self::UnsupportedTrailers => "trailers are not accepted here",
            Self::BodyTooLarge { .. } => "the body is too large",
            Self::KeyStoreUnavailable { .. } => "keys cannot be looked up at the moment",
        }
    }

    /// Builds the response, dated by the layer's clock.
    pub(super) fn into_response<ResBody>(self, now: Option<u64>, is_head: bool) -> Response<ResponseBody<ResBody>> {
        let json = format!(r#"{{"errorCode":"{}","message":"{}"}}"#, self.code(), self.message());
        let length = HeaderValue::from(json.len());
        // hyper resets an HTTP/2 stream whose response to HEAD has a body (RFC 9110, section 9.3.2).
        let json = if is_head { Bytes::new() } else { json.into() };
        let mut response = Response::new(ResponseBody::rejection(json));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if is_head {
            headers.insert(CONTENT_LENGTH, length);
        }
        if let Some(date) = now.and_then(clock::format_date) {
            headers.insert(DATE, date);
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Logentries"));
        }
        response.extensions_mut().insert(self);
        response
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
            Self::InvalidSignature => f.write_str("the signature is invalid"),
            Self::Forbidden { required, granted } => {
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

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ReadBody { source } | Self::KeyStoreUnavailable { source } => Some(&**source),
            _ => None,
        }
    }
}
