//! Every event of the crate, in one place. None has a key, a signature, a query or a body in it.
//!
//! Strangers can cause events at debug level only. A warning is something an operator should know, an error something
//! to fix. The events are given plain values, which are formatted only if somebody listens. Without feature `tracing` these
//! functions are empty.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use std::{error::Error, fmt::Display};

use http::{Method, StatusCode};

#[cfg(feature = "tracing")]
const CLIENT: &str = "tower_logentries_auth::client";
#[cfg(feature = "tracing")]
const SERVER: &str = "tower_logentries_auth::server";
#[cfg(feature = "tracing")]
const REPLAY: &str = "tower_logentries_auth::replay";
#[cfg(all(feature = "tracing", feature = "retry"))]
const RETRY: &str = "tower_logentries_auth::retry";

/// The request that a client's event is about.
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) struct Subject<'a, O> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) origin: O,
}

pub(crate) fn credentials_stripped(subject: &Subject<'_, impl Display>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: CLIENT,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        "sending request without credentials to untrusted origin"
    );
}

pub(crate) fn sending_with_api_key(subject: &Subject<'_, impl Display>, access: &dyn Display, body_len: Option<u64>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: CLIENT,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        %access, body_len, buffered = false,
        "sending request with API key"
    );
}

pub(crate) fn sending_signed(
    subject: &Subject<'_, impl Display>,
    key_id: &str,
    body_len: Option<u64>,
    buffered: bool,
    clock_offset_secs: i64,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: CLIENT,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        access = "owner", key_id, body_len, buffered, clock_offset_secs,
        "sending signed request"
    );
}

pub(crate) fn not_sent(subject: &Subject<'_, impl Display>, error: &dyn Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: CLIENT,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        error = %Chain(error),
        "request not sent"
    );
}

pub(crate) fn clock_skew_corrected(origin: &dyn Display, clock_offset_secs: i64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: CLIENT, %origin, clock_offset_secs, "clock skew corrected");
}

#[cfg(feature = "retry")]
pub(crate) fn retrying(
    subject: &Subject<'_, impl Display>,
    status: Option<StatusCode>,
    retry: usize,
    wait: std::time::Duration,
    reason: &'static str,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: RETRY,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        status = status.map(|status| status.as_u16()), retry, ?wait, reason,
        "request will be retried"
    );
}

#[cfg(feature = "retry")]
pub(crate) fn not_retried(subject: &Subject<'_, impl Display>, status: Option<StatusCode>, reason: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: RETRY,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        status = status.map(|status| status.as_u16()), reason,
        "request will not be retried"
    );
}

#[cfg(all(feature = "retry", feature = "reqwest"))]
pub(crate) fn not_retryable(subject: &Subject<'_, impl Display>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: RETRY,
        method = %subject.method, path = subject.path, origin = %subject.origin,
        "request cannot be retried: its body is a stream, which cannot be cloned"
    );
}

pub(crate) fn accepted(
    method: &Method,
    path: &str,
    access: &dyn Display,
    key_id: Option<&str>,
    key_label: Option<&str>,
    account: Option<&str>,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: SERVER, %method, path, %access, key_id, key_label, account, "request accepted");
}

/// A request that was rejected, and why.
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
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
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
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
    return tracing::enabled!(target: SERVER, tracing::Level::DEBUG);
    #[cfg(not(feature = "tracing"))]
    false
}

pub(crate) fn rejected(request: &Rejected<'_>, computed: Computed<'_>) {
    #[cfg(feature = "tracing")]
    {
        let Rejected { method, path, key_id, status, kind, rejection } = *request;
        let (status, rejection) = (status.as_u16(), Chain(rejection));
        let Computed { canonical_string, body_len, mistakes } = computed;
        if status >= 500 {
            tracing::error!(target: SERVER, %method, path, key_id, status, kind, %rejection, "request rejected");
        } else {
            tracing::debug!(
                target: SERVER, %method, path, key_id, status, kind, %rejection,
                canonical_string, body_len, mistakes = mistakes.map(tracing::field::debug),
                "request rejected"
            );
        }
    }
}

pub(crate) fn replay_rejected(request: &Rejected<'_>) {
    #[cfg(feature = "tracing")]
    {
        let Rejected { method, path, key_id, status, kind, rejection } = *request;
        let (status, rejection) = (status.as_u16(), Chain(rejection));
        if status >= 500 {
            tracing::error!(target: REPLAY, %method, path, key_id, status, kind, %rejection, "request rejected");
        } else {
            tracing::debug!(target: REPLAY, %method, path, key_id, status, kind, %rejection, "request rejected");
        }
    }
}

/// An error and all its causes.
#[cfg(feature = "tracing")]
struct Chain<'a>(&'a dyn Error);

#[cfg(feature = "tracing")]
impl Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}
