//! Guards, which remember the signatures that were used.

use std::sync::Arc;

use crate::BoxError;
use crate::server::VerifiedSignature;

/// Remembers the signatures that were used. [`MemoryReplayGuard`](super::MemoryReplayGuard) does so for one process;
/// replicas need a shared guard, for example in Redis or Valkey.
///
/// A function can be a guard too. This one sends `SET key 1 NX PX milliseconds` to Redis, through a client of yours:
///
/// ```
/// use tower_logentries_auth::{RejectReplaysLayer, server::VerifiedSignature};
/// # #[derive(Clone)] struct Redis;
/// # impl Redis { async fn set_nx_px(&self, _: &[u8], _: u128) -> Result<bool, std::io::Error> { Ok(true) } }
/// # let redis = Redis;
///
/// let layer = RejectReplaysLayer::new(move |signature: VerifiedSignature| {
///     let redis = redis.clone();
///     async move { redis.set_nx_px(&signature.digest(), signature.remember_for().as_millis()).await }
/// });
/// ```
///
/// `examples/service` in this crate's repository is a whole service with such a guard.
pub trait ReplayGuard {
    /// Why a guard could not decide. The response is `503 Service Unavailable`, and the request does not pass.
    type Error: Into<BoxError>;

    /// Resolves to whether the signature was recorded for the first time.
    type Future: Future<Output = Result<bool, Self::Error>>;

    /// Records the [digest](VerifiedSignature::digest) of a signature for as long as
    /// [`remember_for`](VerifiedSignature::remember_for) says, and returns whether it was not recorded before, like
    /// `HashSet::insert`.
    ///
    /// This must be one atomic step: of copies that arrive at once, exactly one may be the first. A guard that cannot
    /// decide, because it is full or unreachable, returns an error. While a guard hangs, so does the request: set a
    /// timeout on its connection.
    fn record(&self, signature: VerifiedSignature) -> Self::Future;
}

impl<F, R, E> ReplayGuard for F
where
    F: Fn(VerifiedSignature) -> R,
    R: Future<Output = Result<bool, E>>,
    E: Into<BoxError>,
{
    type Error = E;
    type Future = R;

    fn record(&self, signature: VerifiedSignature) -> R {
        self(signature)
    }
}

impl<G: ReplayGuard + ?Sized> ReplayGuard for Arc<G> {
    type Error = G::Error;
    type Future = G::Future;

    fn record(&self, signature: VerifiedSignature) -> G::Future {
        G::record(self, signature)
    }
}
