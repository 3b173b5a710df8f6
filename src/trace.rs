//! Every event of the crate, in one place. None has a key, a signature, a query or a body in it.
//!
//! Strangers can cause events at debug level only. A warning is something an operator should know, an error something
//! to fix. Without feature `tracing` these functions are empty.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

#[cfg(feature = "retry")]
use http::StatusCode;
use http::{HeaderMap, Method, Uri};
use http_body::Body;

#[cfg(feature = "tracing")]
use crate::verify::key_id;
use crate::{
    Access, AuthError,
    origin::{Origin, OriginRef},
    replay::ReplayRejection,
    verify::{Authenticated, Rejection},
};

#[cfg(feature = "tracing")]
const SIGN: &str = "tower_logentries_auth::sign";
#[cfg(feature = "tracing")]
const VERIFY: &str = "tower_logentries_auth::verify";
#[cfg(feature = "tracing")]
const REPLAY: &str = "tower_logentries_auth::replay";

/// The request that an event is about. Its origin is determined only if the event is enabled.
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) struct Subject<'a, F> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) origin: F,
}

#[cfg(feature = "tracing")]
fn shown<'a>(origin: impl FnOnce() -> Option<OriginRef<'a>>) -> Option<impl tracing::Value> {
    origin().map(tracing::field::display)
}

pub(crate) fn credentials_stripped<'a>(subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = shown(subject.origin),
        "sending request without credentials to untrusted origin"
    );
}

pub(crate) fn sending_with_api_key<'a>(
    subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>,
    access: Access,
    body: Option<&impl Body>,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = shown(subject.origin),
        %access, body_len = len(body), buffered = false,
        "sending request with API key"
    );
}

pub(crate) fn sending_signed<'a>(
    subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>,
    key_id: &str,
    body: Option<&impl Body>,
    buffered: bool,
    clock_offset_secs: i64,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = shown(subject.origin),
        access = %Access::Owner, key_id, body_len = len(body), buffered, clock_offset_secs,
        "sending signed request"
    );
}

pub(crate) fn not_sent<'a>(subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>, error: &AuthError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = shown(subject.origin),
        error = %Chain(error),
        "request not sent"
    );
}

#[cfg(feature = "retry")]
pub(crate) fn retrying<'a>(
    subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>,
    status: Option<StatusCode>,
    retry: usize,
    wait: std::time::Duration,
    reason: &'static str,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = (subject.origin)().map(tracing::field::display),
        status = status.map(|status| status.as_u16()), retry, ?wait, reason,
        "request will be retried"
    );
}

#[cfg(feature = "retry")]
pub(crate) fn not_retried<'a>(
    subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>,
    status: Option<StatusCode>,
    reason: &'static str,
) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = (subject.origin)().map(tracing::field::display),
        status = status.map(|status| status.as_u16()), reason,
        "request will not be retried"
    );
}

#[cfg(all(feature = "retry", feature = "reqwest"))]
pub(crate) fn not_retryable<'a>(subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        method = %subject.method, path = subject.path, origin = (subject.origin)().map(tracing::field::display),
        "request cannot be retried: its body is a stream, which cannot be cloned"
    );
}

pub(crate) fn clock_skew_corrected(origin: &Origin, clock_offset_secs: i64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: SIGN, origin = %origin.as_ref(), clock_offset_secs, "clock skew corrected");
}

pub(crate) fn clock_correction_dropped(origin: &Origin, reason: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: SIGN, origin = %origin.as_ref(), reason, "clock skew correction dropped");
}

pub(crate) fn accepted(method: &Method, path: &str, identity: &Authenticated) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: VERIFY,
        %method, path, access = %identity.access, key_id = identity.key_id.as_deref(),
        principal = identity.principal.as_deref(),
        "request accepted"
    );
}

pub(crate) fn rejected(method: &Method, uri: &Uri, headers: &HeaderMap, rejection: &Rejection) {
    #[cfg(feature = "tracing")]
    {
        let (path, status, kind) = (uri.path(), rejection.status().as_u16(), rejection.kind());
        let (key_id, reason) = (key_id(headers).or(rejection.key_id()), Chain(rejection));
        match rejection {
            Rejection::KeyStoreUnavailable { .. } => tracing::error!(
                target: VERIFY, %method, path, key_id, status, kind, rejection = %reason,
                "request rejected"
            ),
            Rejection::InvalidSignature(mismatch) => tracing::debug!(
                target: VERIFY, %method, path, key_id, status, kind, rejection = %reason,
                canonical_string = mismatch.canonical_string(), body_len = mismatch.body_len(),
                mistakes = mismatch.explanation().map(codes).map(tracing::field::debug),
                "request rejected"
            ),
            _ => tracing::debug!(
                target: VERIFY, %method, path, key_id, status, kind, rejection = %reason,
                "request rejected"
            ),
        }
    }
}

pub(crate) fn replay_rejected(method: &Method, uri: &Uri, key_id: Option<&str>, rejection: &ReplayRejection) {
    #[cfg(feature = "tracing")]
    {
        let (path, status, kind, reason) =
            (uri.path(), rejection.status().as_u16(), rejection.kind(), Chain(rejection));
        if rejection.status().is_server_error() {
            tracing::error!(
                target: REPLAY, %method, path, key_id, status, kind, rejection = %reason,
                "request rejected"
            );
        } else {
            tracing::debug!(
                target: REPLAY, %method, path, key_id, status, kind, rejection = %reason,
                "request rejected"
            );
        }
    }
}

#[cfg(feature = "tracing")]
fn codes(mistakes: &[crate::verify::Mistake]) -> Vec<&'static str> {
    mistakes.iter().map(|mistake| mistake.code()).collect()
}

#[cfg(feature = "tracing")]
fn len(body: Option<&impl Body>) -> Option<u64> {
    body.map_or(Some(0), |body| body.size_hint().exact())
}

/// An error and all its causes.
#[cfg(feature = "tracing")]
struct Chain<'a>(&'a dyn std::error::Error);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}
