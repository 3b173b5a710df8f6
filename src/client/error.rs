//! Why a request could not be sent, or got no response.

use std::error::Error;
use std::fmt;

use http::Method;
use http::header::MaxSizeReached;

use crate::body::BodyError;
use crate::{Access, BoxError};

/// The error of [`LogentriesAuth`](super::LogentriesAuth). Every variant except [`AuthError::Service`] means that
/// nothing was sent. If an outer layer follows redirects, this applies to the last hop only: the hops before it were
/// sent.
///
/// It is one concrete type over any stack, so `?` and `downcast_ref` work whatever the inner service is. `Display` says
/// what to do, and [`source`](Error::source) returns the cause if there is one.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The request goes to an origin that is not trusted with credentials.
    #[non_exhaustive]
    UntrustedOrigin {
        /// The origin, such as `http://example.com:8080`.
        origin: String,
    },
    /// The request goes to one of Rapid7's hosts over plain http.
    #[non_exhaustive]
    InsecureOrigin {
        /// The origin, such as `http://rest.logentries.com`.
        origin: String,
    },
    /// The authority of the URI is more than a host and a port, or its scheme is neither http nor https.
    InvalidAuthority,
    /// The URI has no authority, and no origin was set for such requests.
    MissingAuthority,
    /// The Host header names another authority than the URI.
    #[non_exhaustive]
    HostMismatch {
        /// The origin that the URI names.
        origin: String,
    },
    /// No configured key grants the access that the resource requires.
    #[non_exhaustive]
    InsufficientAccess {
        /// The access that the resource requires.
        required: Access,
    },
    /// The method of a signed request would make its canonical string ambiguous.
    #[non_exhaustive]
    UnsupportedMethod {
        /// The method.
        method: Method,
    },
    /// A signed request has no path, as in `OPTIONS *`.
    MissingPath,
    /// A signed request has more than one Content-Type header.
    DuplicateContentType,
    /// The Content-Type of a signed request is empty, starts or ends with whitespace, or is not visible ASCII.
    InvalidContentType,
    /// The request has so many headers that none can be added.
    TooManyHeaders,
    /// The body is longer than the layer buffers.
    #[non_exhaustive]
    BodyTooLarge {
        /// The layer's limit, in bytes.
        limit: usize,
    },
    /// Reading the body failed.
    #[non_exhaustive]
    ReadBody {
        /// The body's own error.
        source: BoxError,
    },
    /// The body was shorter or longer than its size hint.
    #[non_exhaustive]
    BodyLengthMismatch {
        /// How many bytes were read.
        read: usize,
    },
    /// The body has trailers, and its type cannot be rebuilt with them.
    UnsupportedTrailers,
    /// The clock is outside the years 1970 to 9999.
    ClockOutOfRange,
    /// The inner service failed.
    #[non_exhaustive]
    Service {
        /// The inner service's own error. [`AuthError::service_error`] downcasts it.
        source: BoxError,
    },
}

impl AuthError {
    /// Wraps the error of a service. An error that is an `AuthError` already is returned as it is.
    ///
    /// Use it inside an optional layer, whose two branches must have the same type of error:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Request;
    /// use http_body_util::Full;
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use tower::{ServiceBuilder, ServiceExt};
    /// use tower_logentries_auth::{AuthError, Credentials, LogentriesAuthLayer};
    ///
    /// # async fn run(request: Request<Full<Bytes>>) -> Result<(), AuthError> {
    /// let layer = Credentials::from_env().ok().map(LogentriesAuthLayer::new);
    /// let client = ServiceBuilder::new()
    ///     .option_layer(layer)
    ///     .map_err(AuthError::service)
    ///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    /// let response = client.oneshot(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn service(error: impl Into<BoxError>) -> Self {
        match error.into().downcast() {
            Ok(error) => *error,
            Err(source) => Self::Service { source },
        }
    }

    /// Returns the error of the inner service, if this is one and its type is `E`.
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

impl From<MaxSizeReached> for AuthError {
    fn from(_: MaxSizeReached) -> Self {
        Self::TooManyHeaders
    }
}

impl From<BodyError> for AuthError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit } => Self::BodyTooLarge { limit },
            BodyError::Read(source) => Self::ReadBody { source },
            BodyError::LengthMismatch { read } => Self::BodyLengthMismatch { read },
            BodyError::UnsupportedTrailers => Self::UnsupportedTrailers,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntrustedOrigin { origin } => {
                write!(f, "no credentials go to {origin}, an untrusted origin: see `LogentriesAuthLayer::trust_origin`")
            }
            Self::InsecureOrigin { origin } => write!(f, "no credentials go to {origin} in plain text: use https://"),
            Self::HostMismatch { origin } => write!(f, "the Host header contradicts {origin}: remove it"),
            Self::InsufficientAccess { required } => write!(
                f,
                "no configured key grants {required} access, which this resource requires: add one, or override the table \
                 with an `Access` in the request's extensions, or with `LogentriesAuthLayer::access`"
            ),
            Self::UnsupportedMethod { method } => {
                write!(f, "a request with method {method:?} cannot be signed: use a registered method such as POST")
            }
            Self::BodyTooLarge { limit } => write!(
                f,
                "the body is longer than the {limit} bytes that are buffered to be signed: raise `body_limit`, or add a \
                 `BodyDigest` to the request's extensions so that the body streams"
            ),
            Self::BodyLengthMismatch { read } => write!(f, "the body had {read} bytes, unlike its size hint"),
            error => f.write_str(error.text()),
        }
    }
}

impl AuthError {
    /// Returns the message of an error that has no details.
    fn text(&self) -> &'static str {
        match self {
            Self::InvalidAuthority => "ambiguous authority: use http or https, a host and a port, and no userinfo",
            Self::MissingAuthority => "the URI has no authority: set one, or `LogentriesAuthLayer::assume_origin`",
            Self::MissingPath => "a request without a path cannot be signed: use a target that starts with '/'",
            Self::DuplicateContentType => "a request with two Content-Type headers cannot be signed: send one",
            Self::InvalidContentType => "use a Content-Type of visible ASCII without whitespace at its ends, or none",
            Self::TooManyHeaders => "the request has too many headers to add credentials: send fewer",
            Self::ReadBody { .. } => "failed to read the request body that has to be signed",
            Self::UnsupportedTrailers => "the body's type cannot carry its trailers: use `rebuild_body`, or send none",
            Self::ClockOutOfRange => "the clock is outside the years 1970 to 9999, which no Date can express: set it",
            _ => "the inner service failed",
        }
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ReadBody { source } | Self::Service { source } => Some(&**source),
            _ => None,
        }
    }
}
