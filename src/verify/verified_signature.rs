//! What the verifying layer leaves for a layer that rejects replays.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use crate::{
    Signature,
    clock::{Clock, LAST_SECOND},
};

/// A signature that was verified. [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) leaves it in the extensions of a
/// signed request, for [`RejectReplaysLayer`](crate::replay::RejectReplaysLayer).
///
/// A request with an API key has none.
#[derive(Clone)]
pub struct VerifiedSignature {
    key_id: Arc<str>,
    signature: Signature,
    valid_until: u64,
    clock: Clock,
}

impl VerifiedSignature {
    /// How much longer than its request can pass a signature is remembered: for the differences between the clocks of
    /// replicas, and the time that a request takes to a guard.
    const MARGIN: Duration = Duration::from_secs(60);

    pub(super) fn new(key_id: Arc<str>, signature: Signature, valid_until: u64, clock: Clock) -> Self {
        Self { key_id, signature, valid_until: valid_until.min(LAST_SECOND), clock }
    }

    /// Returns the SHA-256 of the key id, a colon and the 20 bytes of the signature.
    ///
    /// It is the same for every copy of a request, whatever its query or its unsigned headers are, and cannot be used to
    /// replay it.
    pub fn digest(&self) -> [u8; 32] {
        let mut sha256 = Sha256::new_with_prefix(self.key_id.as_bytes());
        sha256.update(b":");
        sha256.update(self.signature.as_bytes());
        sha256.finalize().into()
    }

    /// Returns until when the request can pass the verifying layer: the last second in which its body may be complete, which is
    /// its date plus [`date_tolerance`](super::LogentriesVerifyLayer::date_tolerance) and
    /// [`upload_time`](super::LogentriesVerifyLayer::upload_time).
    pub fn valid_until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.valid_until)
    }

    /// Returns for how long from now a guard has to remember the signature: for as long as a copy of its request can pass, and
    /// a minute more.
    ///
    /// The minute is for replicas whose clocks differ by less, and for requests that are on their way to a guard. It is
    /// what a guard over a network sets as time to live.
    pub fn remember_for(&self) -> Duration {
        let left = self.valid_until.saturating_sub(self.now().unwrap_or(0)).saturating_add(1);
        Duration::from_secs(left).saturating_add(Self::MARGIN)
    }

    /// Returns the second in which the verifying layer's clock is.
    pub(crate) fn now(&self) -> Option<u64> {
        self.clock.now()
    }

    /// Returns whether the verifying layer would no longer let the request pass.
    pub(crate) fn is_expired(&self) -> bool {
        self.now().is_none_or(|now| now > self.valid_until)
    }

    pub(crate) fn valid_until_secs(&self) -> u64 {
        self.valid_until
    }

    /// Returns the id of the key that made the signature.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// Without the signature, which is enough to replay its request.
impl fmt::Debug for VerifiedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSignature")
            .field("key_id", &self.key_id)
            .field("valid_until", &self.valid_until())
            .finish_non_exhaustive()
    }
}
