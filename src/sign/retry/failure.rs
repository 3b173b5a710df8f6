//! Failures of an attempt after which another may succeed.

use std::{
    error::Error,
    io::{self, ErrorKind},
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, Method, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use tower::BoxError;

use crate::{
    AuthError,
    headers::single_value,
    sign::{ClockSkewCorrected, HttpResponse},
};

/// An error that [`LogentriesRetryPolicy`](super::LogentriesRetryPolicy) can inspect: [`AuthError`], [`BoxError`] and,
/// with feature `reqwest-middleware`, `reqwest_middleware::Error`.
///
/// This trait is sealed and has no methods to call. A layer that maps errors to another type must be outside the
/// retry layer.
#[allow(private_bounds)] // which closes its methods too
pub trait AttemptError: sealed::AttemptError {}

pub(super) mod sealed {
    use std::error::Error;

    pub(crate) trait AttemptError {
        fn as_error(&self) -> &(dyn Error + 'static);
    }
}

impl AttemptError for AuthError {}

impl sealed::AttemptError for AuthError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl AttemptError for BoxError {}

impl sealed::AttemptError for BoxError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        &**self
    }
}

/// A failure that is worth another attempt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    ClockSkew,
    Status { status: StatusCode, retry_after: Option<Duration> },
    Connection,
}

impl Failure {
    pub(super) fn of<Res: HttpResponse, E: AttemptError>(
        result: &mut Result<Res, E>,
        method: &Method,
        statuses: &[StatusCode],
    ) -> Option<Self> {
        match result {
            Ok(response) => {
                if response.extensions_mut().get::<ClockSkewCorrected>().is_some() {
                    return Some(Self::ClockSkew);
                }
                let status = response.status();
                let is_repeatable = status == StatusCode::TOO_MANY_REQUESTS || method.is_idempotent();
                (is_repeatable && statuses.contains(&status))
                    .then(|| Self::Status { status, retry_after: retry_after(response.headers()) })
            }
            Err(error) => (method.is_idempotent() && is_connection_error(error.as_error())).then_some(Self::Connection),
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::ClockSkew => "clock skew corrected",
            Self::Status { status, .. } => status.canonical_reason().unwrap_or("status"),
            Self::Connection => "connection failed",
        }
    }
}

/// Parses Retry-After, if there is exactly one: a number of seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = single_value(headers, &RETRY_AFTER).ok()??.to_str().ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // The date was set by the server's own clock, and ours may be off.
    let date = single_value(headers, &DATE).ok().flatten().and_then(|date| date.to_str().ok());
    let now = date.and_then(|date| httpdate::parse_http_date(date).ok()).or_else(now_here)?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn now_here() -> Option<SystemTime> {
    // wasm32-unknown-unknown has no clock.
    (!cfg!(all(target_family = "wasm", target_os = "unknown"))).then(SystemTime::now)
}

/// Returns whether the connection of an attempt failed, as opposed to failures that would repeat: a request that cannot
/// be sent, a certificate that is not trusted, a body that cannot be read.
fn is_connection_error(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref() {
            None | Some(AuthError::Service { .. }) => {}
            Some(_) => return false,
        }
        #[cfg(feature = "reqwest")]
        if error.downcast_ref().is_some_and(|error: &reqwest::Error| error.is_builder() || error.is_redirect()) {
            return false;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return !is_lasting(error.kind());
        }
        next = error.source();
    }
    true
}

/// Kinds of errors that no network causes. rustls reports what it rejects as `InvalidData`, hyper-rustls as `Other`.
fn is_lasting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::Unsupported
            | ErrorKind::Other
    )
}
