//! What feature `tracing` tells: access, key id, sizes and offsets. Never a secret, a signature, a query or a body.
//!
//! Without the feature these are empty functions.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use http_body::Body;

use crate::{Access, AuthError, Authenticated, Rejection, origin::Origin};

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

pub(crate) fn refused(error: &AuthError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "request refused before it was sent");
}

pub(crate) fn clock_corrected(origin: &Origin, offset: i64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(?origin, offset, "clock corrected by the server's");
}

pub(crate) fn accepted(who: &Authenticated) {
    #[cfg(feature = "tracing")]
    tracing::debug!(access = %who.access, key_id = who.api_key_id.as_deref(), principal = who.principal.as_deref(), "request accepted");
}

pub(crate) fn rejected(rejection: &Rejection) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%rejection, status = rejection.status().as_u16(), "request refused");
}

#[cfg(feature = "tracing")]
fn len(body: Option<&impl Body>) -> Option<u64> {
    body.map_or(Some(0), |body| body.size_hint().exact())
}
