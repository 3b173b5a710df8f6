//! Every event of the crate, in one place. None has a key, a signature, a query or a body in it.
//!
//! Strangers can cause events at debug level only. A warning is something an operator should know, an error something
//! to fix. The events are given plain values, which are formatted only if somebody listens. Without feature `tracing` these
//! functions are empty.
#![cfg_attr(not(feature = "tracing"), allow(dead_code, unused_variables))]

use std::error::Error;
use std::{fmt, iter};

use fmt::Display;
use http::{Method, StatusCode};

use crate::Access;

const CLIENT: &str = "tower_logentries_auth::client";
const SERVER: &str = "tower_logentries_auth::server";
const REPLAY: &str = "tower_logentries_auth::replay";
#[cfg(feature = "retry")]
const RETRY: &str = "tower_logentries_auth::retry";

/// Emits an event, if feature `tracing` is enabled.
macro_rules! event {
    ($($event:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::event!($($event)*)
    };
}

#[cfg(feature = "tracing")]
use tracing::Level;

/// The request that a client's event is about.
pub(crate) struct Subject<'a, O> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) origin: O,
}

/// What a request is sent with.
pub(crate) struct Sent<'a> {
    pub(crate) access: Option<&'a dyn Display>,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) body_len: Option<u64>,
    pub(crate) is_buffered: bool,
    pub(crate) clock_offset_secs: Option<i64>,
}

pub(crate) fn sending(subject: &Subject<'_, impl Display>, sent: Sent<'_>, message: &'static str) {
    let Sent { access, key_id, body_len, is_buffered, clock_offset_secs } = sent;
    event!(
        target: CLIENT, Level::DEBUG,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        access = access.map(tracing::field::display), key_id, body_len, is_buffered, clock_offset_secs,
        "{message}"
    );
}

pub(crate) fn not_sent(subject: &Subject<'_, impl Display>, error: &dyn Error) {
    event!(
        target: CLIENT, Level::WARN,
        method = %subject.method, path = subject.path, origin = %subject.origin, error = %Chain(error),
        "request not sent"
    );
}

pub(crate) fn clock_skew_corrected(origin: &dyn Display, clock_offset_secs: i64) {
    event!(target: CLIENT, Level::WARN, %origin, clock_offset_secs, "clock skew corrected");
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
        target: RETRY, Level::DEBUG,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        status = status.map(|status| status.as_u16()), retry, wait = wait.map(tracing::field::debug), reason,
        "{message}"
    );
}

/// The key of an accepted request.
pub(crate) struct Key<'a> {
    pub(crate) access: &'a Access,
    pub(crate) id: Option<&'a str>,
    pub(crate) label: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
}

pub(crate) fn accepted(method: &Method, path: &str, key: &Key<'_>) {
    event!(
        target: SERVER, Level::DEBUG,
        %method, path, access = %key.access, key_id = key.id, key_label = key.label, account = key.account,
        "request accepted"
    );
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

/// What the verifier computed for a signature that is invalid.
#[derive(Default)]
pub(crate) struct Computed<'a> {
    /// Recorded as a string, never through `Display`: it can contain line separators.
    pub(crate) canonical_string: Option<&'a str>,
    pub(crate) body_len: Option<usize>,
    pub(crate) mistakes: Option<Vec<&'static str>>,
}

/// Returns whether anybody listens to the rejections of a verifying layer.
#[cfg(feature = "explain")]
pub(crate) fn logs_rejections() -> bool {
    #[cfg(feature = "tracing")]
    return tracing::enabled!(target: SERVER, Level::DEBUG);
    #[cfg(not(feature = "tracing"))]
    false
}

pub(crate) fn rejected(request: &Rejected<'_>, computed: Computed<'_>) {
    let Rejected { method, path, key_id, status, kind, rejection } = *request;
    let (status, rejection) = (status.as_u16(), Chain(rejection));
    let Computed { canonical_string, body_len, mistakes } = computed;
    if status >= 500 {
        event!(target: SERVER, Level::ERROR, %method, path, key_id, status, kind, %rejection, "request rejected");
    } else {
        event!(
            target: SERVER, Level::DEBUG, %method, path, key_id, status, kind, %rejection,
            canonical_string, body_len, mistakes = mistakes.map(tracing::field::debug),
            "request rejected"
        );
    }
}

pub(crate) fn replay_rejected(request: &Rejected<'_>) {
    let Rejected { method, path, key_id, status, kind, rejection } = *request;
    let (status, rejection) = (status.as_u16(), Chain(rejection));
    if status >= 500 {
        event!(target: REPLAY, Level::ERROR, %method, path, key_id, status, kind, %rejection, "request rejected");
    } else {
        event!(target: REPLAY, Level::DEBUG, %method, path, key_id, status, kind, %rejection, "request rejected");
    }
}

/// An error and all its causes.
struct Chain<'a>(&'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}
