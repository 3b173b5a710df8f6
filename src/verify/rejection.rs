//! Why a request is refused, and what the client is told of it.

use std::{error::Error, fmt, sync::Arc};

use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, WWW_AUTHENTICATE},
};
use tower::BoxError;

use super::VerifyBody;
use crate::{Access, body::BodyError, clock};

/// Why a request was refused: in the extensions of the response, for logs.
///
/// The response itself says less. Its JSON, `{"errorCode": "...", "message": "..."}`, is the same for an unknown key and a
/// wrong signature, and never says which part of a request differs from what was signed.
///
/// | rejection | status | `errorCode` |
/// |---|---|---|
/// | `NoCredentials`, `UnknownKey`, `WrongSignature`, `DateOutsideWindow` | 401, with `WWW-Authenticate` | `unauthorized` |
/// | `Forbidden` | 403 | `forbidden` |
/// | `Malformed`, `Body`, `BodyLength`, `Trailers` | 400 | `bad_request` |
/// | `BodyTooLarge` | 413 | `body_too_large` |
/// | `KeysUnavailable` | 503 | `unavailable` |
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Rejection {
    /// There is neither an `x-api-key` nor an `authorization-api-key` header.
    NoCredentials,
    /// The store knows no such key.
    UnknownKey,
    /// The signature is none of the known keys' for this request.
    WrongSignature,
    /// The Date is further from the layer's clock than its tolerance.
    DateOutsideWindow,
    /// The key is good, but not for this resource.
    Forbidden {
        /// The access that the resource takes.
        required: Access,
        /// The access that the key gives.
        held: Access,
    },
    /// The request could be read in two ways, or its credentials in none.
    Malformed(Malformed),
    /// The body failed while it was read.
    Body {
        /// The body's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The body ended short of the size that it claimed, or went past it.
    BodyLength {
        /// How many bytes it had.
        read: usize,
    },
    /// The body has trailers, and its type can't be rebuilt with them.
    Trailers,
    /// The body is longer than the layer buffers.
    BodyTooLarge {
        /// The layer's limit, in bytes.
        limit: usize,
    },
    /// The store failed to look a key up.
    KeysUnavailable {
        /// The store's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
}

/// What is wrong with the form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Two headers of one kind, or both kinds of credentials.
    DoubledCredentials,
    /// `authorization-api-key` is not an id, a `:` and the base64 of 20 bytes.
    Credentials,
    /// A signed request without exactly one Date header in the form `Thu, 17 Aug 2017 20:16:24 GMT`.
    Date,
    /// A signed request with two Content-Type headers, or an empty one, or one outside visible ASCII.
    ContentType,
    /// A signed request with a method that is not among the ten of which none is a prefix of another.
    Method,
    /// A signed request whose path ends in a slash, or does not start with one; or an API key's request whose path
    /// another parser could take for another path.
    Path,
}

impl Malformed {
    fn message(self) -> &'static str {
        match self {
            Self::DoubledCredentials => "send one x-api-key or one authorization-api-key header",
            Self::Credentials => "authorization-api-key takes a key id, a colon and the base64 of 20 bytes",
            Self::Date => "a signed request takes one Date header, as in Thu, 17 Aug 2017 20:16:24 GMT",
            Self::ContentType => "a signed request takes at most one Content-Type header, of visible ASCII",
            Self::Method => "this method can't be signed",
            Self::Path => {
                "the path is ambiguous: no empty or dot segments, no encoded slashes or letters, no slash at the end of a signed one"
            }
        }
    }
}

impl Rejection {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::UnknownKey | Self::WrongSignature | Self::DateOutsideWindow => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Malformed(_) | Self::Body { .. } | Self::BodyLength { .. } | Self::Trailers => {
                StatusCode::BAD_REQUEST
            }
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::KeysUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
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

    /// What the client is told. None of these texts has a character that JSON escapes.
    fn message(&self) -> &'static str {
        match self {
            Self::NoCredentials => "send an x-api-key header, or Date and authorization-api-key",
            Self::UnknownKey | Self::WrongSignature => "the key is unknown or the signature is wrong",
            Self::DateOutsideWindow => "the Date is too far from the time here",
            Self::Forbidden { .. } => "the key does not give access to this resource",
            Self::Malformed(malformed) => malformed.message(),
            Self::Body { .. } => "the body could not be read",
            Self::BodyLength { .. } => "the body is not of the size that it claims",
            Self::Trailers => "trailers are not accepted here",
            Self::BodyTooLarge { .. } => "the body is too large",
            Self::KeysUnavailable { .. } => "keys can't be looked up at the moment",
        }
    }

    /// The response, dated by the layer's clock.
    pub(super) fn into_response<T>(self, now: Option<u64>) -> Response<VerifyBody<T>> {
        let json = format!(r#"{{"errorCode":"{}","message":"{}"}}"#, self.code(), self.message());
        let mut response = Response::new(VerifyBody::refusal(json.into()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(date) = now.and_then(clock::format_date) {
            headers.insert(DATE, date);
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Logentries"));
        }
        response.extensions_mut().insert(self);
        response
    }

    pub(super) fn keys_unavailable(error: impl Into<BoxError>) -> Self {
        Self::KeysUnavailable { source: error.into().into() }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit },
            BodyError::Failed(source) => Self::Body { source: source.into() },
            BodyError::Length { read } => Self::BodyLength { read },
            BodyError::Trailers => Self::Trailers,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the key is unknown"),
            Self::WrongSignature => f.write_str("the signature is wrong"),
            Self::Forbidden { required, held } => {
                write!(f, "the key gives {held} access, the resource takes {required}")
            }
            Self::BodyLength { read } => write!(f, "the body had {read} bytes, which is not the size it claimed"),
            Self::BodyTooLarge { limit } => write!(f, "the body is longer than {limit} bytes"),
            rejection => f.write_str(rejection.message()),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body { source } | Self::KeysUnavailable { source } => Some(&**source),
            _ => None,
        }
    }
}
