//! What feature `tracing` tells: access, key id, sizes and offsets. Never a secret, a signature, a query or a body.
//!
//! Without the feature these are empty functions.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use std::error::Error;

use http::StatusCode;
use http_body::Body;

use crate::{Access, origin::Origin};

pub(crate) fn passed_through() {
    #[cfg(feature = "tracing")]
    tracing::debug!("request passes to an untrusted origin without credentials");
}

pub(crate) fn sent_with_api_key(access: Access, body: Option<&impl Body>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%access, body_len = len(body), buffered = false, "request goes with an API key");
}

pub(crate) fn sent_signed(key_id: &str, body: Option<&impl Body>, buffered: bool, offset: i64) {
    #[cfg(feature = "tracing")]
    tracing::debug!(access = %Access::Owner, key_id, body_len = len(body), buffered, offset, "request is signed");
}

pub(crate) fn refused(error: &dyn Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "request refused before it was sent");
}

pub(crate) fn clock_corrected(origin: &Origin, offset: i64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(?origin, offset, "clock corrected by the server's");
}

pub(crate) fn accepted(access: Access, key_id: Option<&str>, principal: Option<&str>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%access, key_id, principal, "request accepted");
}

pub(crate) fn rejected(status: StatusCode, rejection: &dyn Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%rejection, status = status.as_u16(), "request refused");
}

#[cfg(feature = "tracing")]
fn len(body: Option<&impl Body>) -> Option<u64> {
    body.map_or(Some(0), |body| body.size_hint().exact())
}
