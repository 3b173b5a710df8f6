//! Why a request was not sent, or not answered.

use std::{error::Error, fmt};

use http::Method;
use tower::BoxError;

use crate::{Access, body::BodyError};

/// The error of [`LogentriesAuth`](crate::LogentriesAuth). All but [`AuthError::Service`] came before anything was sent.
///
/// It is one concrete type over any stack, so `?` and `downcast_ref` work whatever is below. What a variant says to
/// do is in its `Display`; the cause, where there is one, is its [`source`](Error::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The request goes to an origin that is not trusted with credentials.
    UntrustedOrigin {
        /// The origin, such as `http://example.com:8080`.
        origin: String,
    },
    /// The authority of the target is more than a host and a port, or its scheme is neither http nor https.
    UnclearOrigin,
    /// The target has no authority, and the layer was not told where such requests go.
    UnnamedOrigin,
    /// A Host header names another authority than the target.
    HostMismatch {
        /// The origin that the target names.
        origin: String,
    },
    /// None of the keys held is enough for the resource.
    NoKey {
        /// The access that the resource takes.
        required: Access,
    },
    /// A signed request with a method that could be read in two ways in a canonical string.
    UnsignableMethod {
        /// The method.
        method: Method,
    },
    /// A signed request whose target has no path, as with `OPTIONS *`.
    UnsignableTarget,
    /// A signed request with more than one Content-Type header.
    DoubledContentType,
    /// A signed request whose Content-Type is empty, has characters outside visible ASCII, or blanks at an end.
    MalformedContentType,
    /// The body is longer than the layer buffers.
    BodyTooLarge {
        /// The layer's limit, in bytes.
        limit: usize,
    },
    /// The body failed while it was read.
    Body {
        /// The body's own error.
        source: BoxError,
    },
    /// The body ended short of the size that it claimed, or went past it.
    BodyLength {
        /// How many bytes it had.
        read: usize,
    },
    /// The body has trailers, and its type can't be rebuilt with them.
    Trailers,
    /// The clock is outside the years 1970 to 9999.
    Clock,
    /// The service below failed.
    Service {
        /// Its own error; [`AuthError::service_error`] gives it its type back.
        source: BoxError,
    },
}

impl AuthError {
    pub(crate) fn service(error: impl Into<BoxError>) -> Self {
        Self::Service { source: error.into() }
    }

    /// The error of the service below, where this is one and its type is `E`.
    ///
    /// ```
    /// # use tower_logentries_auth::AuthError;
    /// fn is_timeout(error: &AuthError) -> bool {
    ///     error.service_error::<tower::timeout::error::Elapsed>().is_some()
    /// }
    /// ```
    pub fn service_error<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Service { source } => source.downcast_ref(),
            _ => None,
        }
    }
}

impl From<BodyError> for AuthError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit },
            BodyError::Failed(source) => Self::Body { source },
            BodyError::Length { read } => Self::BodyLength { read },
            BodyError::Trailers => Self::Trailers,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntrustedOrigin { origin } => write!(
                f,
                "no credentials for {origin}: they go to the vendor's hosts over https; add another with trust_origin"
            ),
            Self::HostMismatch { origin } => write!(
                f,
                "the Host header names another authority than {origin}: remove it, or send it what the URI names"
            ),
            Self::NoKey { required } => {
                write!(f, "the resource takes {required} access, and no key held is enough: add one to the credentials")
            }
            Self::UnsignableMethod { method } => {
                write!(
                    f,
                    "a request with method {method:?} can't be signed: use a registered method such as GET or POST"
                )
            }
            Self::BodyTooLarge { limit } => write!(
                f,
                "the body is longer than {limit} bytes, the most that is buffered to be signed: \
                 raise body_limit, or send a BodyDigest with the request so that it streams"
            ),
            Self::BodyLength { read } => {
                write!(f, "the body had {read} bytes, which is not the size it claimed: nothing was sent")
            }
            fixed => f.write_str(fixed.text()),
        }
    }
}

impl AuthError {
    /// The text of an error that holds nothing to be told.
    fn text(&self) -> &'static str {
        match self {
            Self::UnclearOrigin => {
                "no credentials for a target whose authority is unclear: use http or https, a host and a port, no userinfo"
            }
            Self::UnnamedOrigin => {
                "the request's target has no authority: use an absolute URI, or say with assume_origin where it goes"
            }
            Self::UnsignableTarget => "a request without a path can't be signed: use a target that starts with '/'",
            Self::DoubledContentType => "a request with two Content-Type headers can't be signed: send one",
            Self::MalformedContentType => {
                "the Content-Type can't be signed: use visible ASCII without blanks at its ends, or none at all"
            }
            Self::Body { .. } => "the request's body failed while it was read to be signed",
            Self::Trailers => {
                "the body has trailers, which its type can't be rebuilt with: keep them with rebuild_body, or send none"
            }
            Self::Clock => "the clock is outside the years 1970 to 9999, which no Date header can name: set it",
            _ => "the service below the authentication layer failed",
        }
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body { source } | Self::Service { source } => Some(&**source),
            _ => None,
        }
    }
}
