//! Every event of the crate, in one place. None has a key, a signature, a query or a body in it.
//!
//! Without feature `tracing` these functions are empty.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use std::error::Error;

use http::StatusCode;
use http_body::Body;

use crate::{Access, origin::Origin};

#[cfg(feature = "tracing")]
const SIGN: &str = "tower_logentries_auth::sign";
#[cfg(feature = "tracing")]
const VERIFY: &str = "tower_logentries_auth::verify";

pub(crate) fn credentials_stripped() {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: SIGN, "sending request without credentials to untrusted origin");
}

pub(crate) fn sending_with_api_key(access: Access, body: Option<&impl Body>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: SIGN, %access, body_len = len(body), buffered = false, "sending request with API key");
}

pub(crate) fn sending_signed(key_id: &str, body: Option<&impl Body>, buffered: bool, clock_offset_secs: i64) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: SIGN,
        access = %Access::Owner, key_id, body_len = len(body), buffered, clock_offset_secs,
        "sending signed request"
    );
}

pub(crate) fn not_sent(error: &dyn Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: SIGN, %error, "request not sent");
}

pub(crate) fn clock_skew_corrected(origin: &Origin, clock_offset_secs: i64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: SIGN, ?origin, clock_offset_secs, "clock skew corrected");
}

pub(crate) fn accepted(access: Access, key_id: Option<&str>, principal: Option<&str>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: VERIFY, %access, key_id, principal, "request accepted");
}

pub(crate) fn rejected(status: StatusCode, rejection: &dyn Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: VERIFY, %rejection, status = status.as_u16(), "request rejected");
}

#[cfg(feature = "tracing")]
fn len(body: Option<&impl Body>) -> Option<u64> {
    body.map_or(Some(0), |body| body.size_hint().exact())
}
