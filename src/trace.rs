//! Every event of the crate, in one place. None has a key, a signature, a query or a body in it.
//!
//! Strangers can cause events at debug level only. A warning is something an operator should know, an error something
//! to fix. The events are given plain values, which are formatted only if somebody listens. Without feature `tracing` these
//! functions are empty.
#![cfg_attr(not(feature = "tracing"), allow(dead_code, unused_variables))]

use std::error::Error;
use std::fmt::{self, Display};
use std::iter;

use http::{Method, StatusCode};

use crate::Access;

const CLIENT: &str = "tower_logentries_auth::client";
const SERVER: &str = "tower_logentries_auth::server";
const REPLAY: &str = "tower_logentries_auth::replay";
#[cfg(feature = "retry")]
const RETRY: &str = "tower_logentries_auth::retry";

/// Emits an event, if feature `tracing` is enabled.
macro_rules! event {
    ($target:ident, $level:ident, $($event:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::event!(target: $target, tracing::Level::$level, $($event)*)
    };
}

/// Emits the event of a rejection: an error is for an operator to fix, and strangers can cause the rest.
macro_rules! rejected_event {
    ($target:ident, $status:expr, $($fields:tt)*) => {{
        let status = $status.as_u16();
        if status >= 500 {
            event!($target, ERROR, status, $($fields)*, "request rejected");
        } else {
            event!($target, DEBUG, status, $($fields)*, "request rejected");
        }
    }};
}

/// The request that a client's event is about.
pub(crate) struct Subject<'a, O> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) origin: O,
}

/// `signed` is the id of the key that made the signature, and the clock's offset in its date.
pub(crate) fn sending(
    subject: &Subject<'_, impl Display>,
    access: Option<&dyn Display>,
    signed: Option<(&str, i64)>,
    body_len: Option<u64>,
    is_buffered: bool,
) {
    let message = match (access, signed) {
        (_, Some(_)) => "sending signed request",
        (Some(_), None) => "sending request with API key",
        (None, None) => "sending request without credentials to untrusted origin",
    };
    let (key_id, clock_offset_secs) = signed.unzip();
    event!(
        CLIENT, DEBUG, method = %subject.method, path = subject.path, origin = %subject.origin,
        access = access.map(tracing::field::display), key_id, body_len, is_buffered, clock_offset_secs,
        "{message}"
    );
}

pub(crate) fn not_sent(subject: &Subject<'_, impl Display>, error: &dyn Error) {
    event!(
        CLIENT, WARN, method = %subject.method, path = subject.path, origin = %subject.origin, error = %Chain(error),
        "request not sent"
    );
}

pub(crate) fn clock_skew_corrected(origin: &dyn Display, clock_offset_secs: i64) {
    event!(CLIENT, WARN, %origin, clock_offset_secs, "clock skew corrected");
}

/// What is decided about a request that failed. `retry` counts the retries, and says how long this one waits.
#[cfg(feature = "retry")]
pub(crate) fn failed(
    subject: &Subject<'_, impl Display>,
    status: Option<StatusCode>,
    retry: Option<(usize, std::time::Duration)>,
    reason: &'static str,
) {
    let (retry, wait) = retry.unzip();
    let message = if retry.is_some() { "request will be retried" } else { "request will not be retried" };
    event!(
        RETRY, DEBUG, method = %subject.method, path = subject.path, origin = %subject.origin,
        status = status.map(|status| status.as_u16()), retry, wait = wait.map(tracing::field::debug), reason,
        "{message}"
    );
}

pub(crate) fn accepted(
    method: &Method,
    path: &str,
    access: Access,
    key_id: Option<&str>,
    key_label: Option<&str>,
    account: Option<&str>,
) {
    event!(SERVER, DEBUG, %method, path, %access, key_id, key_label, account, "request accepted");
}

/// A request that was rejected, and why.
pub(crate) struct Rejected<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) rejection: &'a dyn Error,
}

/// Returns whether anybody listens to the rejections of a verifying layer.
#[cfg(feature = "explain")]
pub(crate) fn logs_rejections() -> bool {
    #[cfg(feature = "tracing")]
    return tracing::enabled!(target: SERVER, tracing::Level::DEBUG);
    #[cfg(not(feature = "tracing"))]
    false
}

/// The canonical string of an invalid signature is recorded as a string, never through `Display`: it can contain line
/// separators.
pub(crate) fn rejected(
    request: &Rejected<'_>,
    canonical_string: Option<&str>,
    body_len: Option<usize>,
    mistakes: Option<Vec<&str>>,
) {
    let Rejected { method, path, key_id, status, kind, rejection } = *request;
    rejected_event!(
        SERVER, status, %method, path, key_id, kind, rejection = %Chain(rejection),
        canonical_string, body_len, mistakes = mistakes.as_ref().map(tracing::field::debug)
    );
}

pub(crate) fn replay_rejected(request: &Rejected<'_>) {
    let Rejected { method, path, key_id, status, kind, rejection } = *request;
    rejected_event!(REPLAY, status, %method, path, key_id, kind, rejection = %Chain(rejection));
}

/// An error and all its causes.
struct Chain<'a>(&'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}
