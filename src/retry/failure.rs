//! Which failures are worth another attempt: some responses, and errors by what they say about the server and the
//! connection. The table is in the docs of the policy.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::Duration;

use http::StatusCode;
use tower::timeout::error::Elapsed;

use super::delay::retry_after;
use crate::client::{ClockSkewCorrected, HttpResponse};
use crate::{AuthError, BoxError};

/// Kinds which say that the peer or the network refused or ended a connection, so that the next one may get through.
///
/// `InvalidData` is what TLS rejects. `Other`, and kinds that are not listed, may be anything: a lookup that failed, a
/// scheme that a connector does not know, a process without file descriptors.
const TRANSIENT: [ErrorKind; 11] = [
    // A server that restarts, or a load balancer without one.
    ErrorKind::ConnectionRefused,
    // The peer went away, with a reset or an end of the stream, in the handshake or later.
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
    ErrorKind::UnexpectedEof,
    // A route that is down, or packets that were lost.
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::NetworkDown,
    ErrorKind::TimedOut,
    // A signal came.
    ErrorKind::Interrupted,
];

/// An error that [`LogentriesRetryPolicy`](super::LogentriesRetryPolicy) can inspect: [`AuthError`],
/// [`BoxError`](tower::BoxError) and, with feature `reqwest-middleware`, `reqwest_middleware::Error`.
///
/// This trait is sealed and has no methods to call. A layer that maps errors to another type must be outside the
/// retry layer.
#[allow(private_bounds)] // which seals it
pub trait AttemptError: AsError {}

pub(super) trait AsError {
    fn as_error(&self) -> &(dyn Error + 'static);
}

impl AttemptError for AuthError {}

impl AsError for AuthError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

impl AttemptError for BoxError {}

impl AsError for BoxError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        &**self
    }
}

/// A failure that is worth another attempt.
pub(super) struct Failure {
    pub(super) reason: &'static str,
    /// Whether the server said that it did not process the request.
    pub(super) left_no_effect: bool,
    /// How long the server asks to wait, or `None` if the clock was wrong, and was corrected.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    const UNPROCESSED: Self =
        Self { reason: "request not processed", left_no_effect: true, wait: Some(Duration::ZERO) };
    const INTERRUPTED: Self = Self { reason: "connection failed", left_no_effect: false, wait: Some(Duration::ZERO) };

    /// Returns the failure that a response reports, or `None` if it is final.
    pub(super) fn of_response(response: &mut impl HttpResponse, statuses: &[StatusCode]) -> Option<Self> {
        let status = response.status();
        if response.extensions_mut().get::<ClockSkewCorrected>().is_some() {
            // A 403 or 404 may come from the service itself, after it processed the request.
            let left_no_effect = status == StatusCode::UNAUTHORIZED;
            return Some(Self { reason: "clock skew corrected", left_no_effect, wait: None });
        }
        statuses.contains(&status).then(|| Self {
            reason: status.canonical_reason().unwrap_or("status"),
            left_no_effect: status == StatusCode::TOO_MANY_REQUESTS,
            wait: Some(retry_after(response.headers()).unwrap_or_default()),
        })
    }

    /// Returns the failure, or `None` if the error is final: another attempt would fail too, or no rule here recognizes
    /// the error.
    pub(super) fn of_error(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut innermost_kind = None;
        for error in iter::successors(Some(error), |error| cause(*error)) {
            if is_final(error) {
                return None;
            }
            if is_unprocessed(error) {
                return Some(Self::UNPROCESSED);
            }
            if is_interruption(error) {
                return Some(Self::INTERRUPTED);
            }
            // TLS connectors wrap one `io::Error` in another of kind `Other`: only the innermost says what happened.
            innermost_kind = error.downcast_ref().map(io::Error::kind).or(innermost_kind);
        }
        innermost_kind.filter(|kind| TRANSIENT.contains(kind)).map(|_| Self::INTERRUPTED)
    }
}

/// Returns what caused an error. The `source()` of an `io::Error` skips the error that it wraps, and h2 has none.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|inner| inner as _);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return error.get_io().map(|inner| inner as _);
    }
    error.source()
}

/// Returns whether the request itself failed: it was not sent, or its body could not be read.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    let is_unsent = |error: &AuthError| !matches!(error, AuthError::Service { .. });
    error.downcast_ref().is_some_and(is_unsent) || error.downcast_ref().is_some_and(hyper::Error::is_user)
}

/// Returns whether the server did not process the request.
fn is_unprocessed(error: &(dyn Error + 'static)) -> bool {
    // h2 fails only those streams with the peer's GOAWAY that the peer will not process (RFC 9113, section 8.7).
    let is_refused = |error: &h2::Error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    };
    error.downcast_ref().is_some_and(is_refused) || error.downcast_ref().is_some_and(hyper::Error::is_canceled)
}

/// Returns whether the connection ended, or the time was up, before the response arrived.
fn is_interruption(error: &(dyn Error + 'static)) -> bool {
    let is_closed = |error: &hyper::Error| error.is_incomplete_message() || error.is_closed() || error.is_timeout();
    #[cfg(feature = "reqwest")]
    if error.downcast_ref().is_some_and(reqwest::Error::is_timeout) {
        return true;
    }
    error.is::<Elapsed>() || error.downcast_ref().is_some_and(is_closed)
}
