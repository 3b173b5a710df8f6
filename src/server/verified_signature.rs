//! The verified signature of a request, for layers that reject replays.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::Signature;
use crate::clock::Clock;
use crate::scheme::LAST_SECOND;

/// A signature that was verified. [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) adds it to the extensions of
/// a signed request, for [`RejectReplaysLayer`](crate::RejectReplaysLayer).
///
/// Requests with an API key have none.
#[derive(Clone)]
pub struct VerifiedSignature {
    key_id: Arc<str>,
    signature: Signature,
    date: u64,
    valid_until: u64,
    clock: Clock,
}

impl VerifiedSignature {
    /// How much longer a signature is remembered than its request can pass, to allow for differences between the clocks
    /// of replicas and for the time that a request takes to reach a guard.
    const MARGIN: Duration = Duration::from_secs(60);

    /// Creates a verified signature by the system's clock, for the test of a guard.
    ///
    /// `date` is when the request was signed, and `valid_until` the last second in which it can pass. Both are cut to whole
    /// seconds of the years 1970 to 9999.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tower_logentries_auth::{
    ///     replay::{MemoryReplayGuard, ReplayGuard},
    ///     server::VerifiedSignature,
    /// };
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let now = SystemTime::now();
    /// let text = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse()?;
    /// let signature = VerifiedSignature::new("key-id", text, now, now + Duration::from_secs(60));
    ///
    /// let guard = MemoryReplayGuard::new();
    /// assert!(guard.record(signature.clone()).await?);
    /// assert!(!guard.record(signature).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(key_id: impl Into<Arc<str>>, signature: Signature, date: SystemTime, valid_until: SystemTime) -> Self {
        let second = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self::by_clock(Clock::default(), key_id.into(), signature, second(date), second(valid_until))
    }

    pub(super) fn by_clock(clock: Clock, key_id: Arc<str>, signature: Signature, date: u64, valid_until: u64) -> Self {
        Self { key_id, signature, date: date.min(LAST_SECOND), valid_until: valid_until.min(LAST_SECOND), clock }
    }

    /// Returns the SHA-256 of the key id, a colon and the 20 bytes of the signature.
    ///
    /// It is the same for every copy of a request, regardless of the query and the unsigned headers, and cannot be used
    /// to replay it.
    pub fn digest(&self) -> [u8; 32] {
        let mut sha256 = Sha256::new_with_prefix(self.key_id.as_bytes());
        sha256.update(b":");
        sha256.update(self.signature.bytes);
        sha256.finalize().into()
    }

    /// Returns the date of the request, which the signature covers.
    pub fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.date)
    }

    /// Returns the last second in which the request can pass the verifying layer, because its body may be complete
    /// then: its date plus [`date_tolerance`](super::LogentriesVerifyLayer::date_tolerance) and
    /// [`upload_duration`](super::LogentriesVerifyLayer::upload_duration).
    pub fn valid_until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.valid_until)
    }

    /// Returns how long from now a guard must remember the signature: as long as a copy of its request can pass, plus
    /// one minute. Use it as the time to live in a remote guard.
    ///
    /// The minute allows for replicas whose clocks differ, and for requests that are on their way to a guard.
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

    pub(crate) fn date_secs(&self) -> u64 {
        self.date
    }

    pub(crate) fn valid_until_secs(&self) -> u64 {
        self.valid_until
    }

    /// Returns the id of the key that made the signature.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// Without the signature, which suffices to replay its request.
impl fmt::Debug for VerifiedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSignature")
            .field("key_id", &self.key_id)
            .field("valid_until", &self.valid_until())
            .finish_non_exhaustive()
    }
}
