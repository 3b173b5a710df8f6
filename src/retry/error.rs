//! What the error of an attempt says: whether the server processed the request, and whether another attempt may succeed.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;

use tower::timeout::error::Elapsed;

use super::failure::Failure;
use crate::{AuthError, BoxError};

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

/// Returns what failed, or `None` if another attempt would fail too, or if nobody knows: an error that no rule here
/// recognizes is final.
pub(super) fn failure_of(error: &(dyn Error + 'static)) -> Option<Failure> {
    let mut innermost_kind = None;
    for error in iter::successors(Some(error), |error| cause(*error)) {
        if is_final(error) {
            return None;
        }
        if is_unprocessed(error) {
            return Some(Failure::Unprocessed);
        }
        if is_interruption(error) {
            return Some(Failure::Interrupted);
        }
        // TLS connectors wrap one `io::Error` in another of kind `Other`: only the innermost says what happened.
        innermost_kind = error.downcast_ref().map(io::Error::kind).or(innermost_kind);
    }
    innermost_kind.filter(|kind| is_transient(*kind)).map(|_| Failure::Interrupted)
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

/// Returns whether the peer or the network refused or ended a connection, so that the next one may get through.
///
/// `InvalidData` is what TLS rejects, `Other` and kinds that are not listed may be anything: a lookup that failed, a
/// scheme that a connector does not know, a process without file descriptors.
fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        // A server that restarts, or a load balancer without one.
        ErrorKind::ConnectionRefused
            // The peer went away, with a reset or an end of the stream, in the handshake or later.
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
            // A route that is down, or packets that were lost.
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
            // A signal came.
            | ErrorKind::Interrupted
    )
}
