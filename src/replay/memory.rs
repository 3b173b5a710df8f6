//! A guard in memory, bounded and sharded.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    future::{Ready, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::ReplayGuard;
use crate::verify::VerifiedSignature;

/// Remembers signatures in the memory of one process. Clones share what they remember.
///
/// The capacity defaults to 1,000,000 signatures, which take at most about 64 MB; see
/// [`with_capacity`](Self::with_capacity). A signature is forgotten when its request can no longer pass. With the
/// default date tolerance and upload time, a signature is held for 20 minutes, so 1,000,000 are enough for a steady 800
/// signed unsafe requests per second; a lower [`upload_time`](crate::LogentriesVerifyLayer::upload_time) makes room for
/// more. A full guard never forgets a signature early: new ones are answered with 503 until others expire.
///
/// It forgets everything when the process ends: a signed request can be replayed once after a restart, if its date is
/// still accepted. Layers that share a guard need the same
/// [`date_tolerance`](crate::LogentriesVerifyLayer::date_tolerance) and
/// [`upload_time`](crate::LogentriesVerifyLayer::upload_time).
#[derive(Clone)]
pub struct MemoryReplayGuard {
    /// Each signature belongs to one of them, so that threads rarely wait for each other.
    shards: Arc<[Mutex<Shard>]>,
}

/// A share of the signatures. Everything about one signature is decided under the lock of its shard.
struct Shard {
    capacity: usize,
    valid_until: HashMap<Key, u64>,
    /// Dates that ended before this second were forgotten.
    forgotten_before: u64,
    /// How many entries are worth a sweep.
    sweep_at_len: usize,
}

/// 128 bits of a digest. Whoever wanted two equal ones would have to make 2^64 signatures, and lock out only
/// themselves.
type Key = [u8; 16];

const CAPACITY: usize = 1_000_000;
const MAX_SHARDS: usize = 64;
/// The fewest signatures to a shard. The larger shards are, the closer they are to equally full.
const MIN_SHARD: usize = 4_096;
/// A shard with fewer entries is not worth sweeping.
const MIN_SWEEP: usize = 64;

/// Why a [`MemoryReplayGuard`] cannot decide whether a signature was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryReplayGuardError {
    /// It has no room for the signature, and forgets none whose date is still accepted.
    Full {
        /// How many signatures the guard may hold.
        capacity: usize,
    },
    /// Signatures of this date were forgotten already, because the clock was ahead before.
    Forgotten,
}

impl MemoryReplayGuard {
    /// Creates an empty guard for 1,000,000 signatures.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Creates an empty guard for this many signatures. Nothing is allocated before it is needed: up to 64 bytes a
    /// signature, and for a moment half as much again whenever a shard grows.
    ///
    /// A guard for 8,192 or more spreads them over shards that do not fill evenly, so the first 503 can come when 95 %
    /// of the room is taken.
    ///
    /// ```
    /// use tower_logentries_auth::replay::{MemoryReplayGuard, RejectReplaysLayer};
    ///
    /// let layer = RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(50_000));
    /// ```
    pub fn with_capacity(signatures: usize) -> Self {
        let count = (signatures / MIN_SHARD).clamp(1, MAX_SHARDS);
        let shard = |n| Mutex::new(Shard::new(signatures / count + usize::from(n < signatures % count)));
        Self { shards: (0..count).map(shard).collect() }
    }

    /// Returns how many signatures it holds. Some of them may have a date that is no longer accepted.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).valid_until.len()).sum()
    }

    /// Returns whether it holds no signature.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn capacity(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).capacity).sum()
    }

    /// Returns the shard of a digest, and what is kept of the digest there.
    fn place(&self, digest: &[u8; 32]) -> Option<(&Mutex<Shard>, Key)> {
        let ([low, high, ..], (_, key)) = (*digest, digest.split_last_chunk()?);
        let shard = usize::from(u16::from_le_bytes([low, high])) % self.shards.len();
        Some((self.shards.get(shard)?, *key))
    }
}

impl Shard {
    fn new(capacity: usize) -> Self {
        Self { capacity, valid_until: HashMap::new(), forgotten_before: 0, sweep_at_len: MIN_SWEEP.min(capacity) }
    }

    /// Returns whether the signature is new, or `None` if there is no room for it.
    fn record(&mut self, key: Key, valid_until: u64, now: u64) -> Result<Option<bool>, MemoryReplayGuardError> {
        if let Some(known) = self.valid_until.get_mut(&key) {
            *known = valid_until.max(*known);
            return Ok(Some(false));
        }
        if valid_until < self.forgotten_before {
            return Err(MemoryReplayGuardError::Forgotten);
        }
        // A full shard is swept once a second, and not for each signature that it has no room for.
        if self.valid_until.len() >= self.sweep_at_len && self.forgotten_before < now {
            self.sweep(now);
        }
        if self.valid_until.len() >= self.capacity {
            return Ok(None);
        }
        self.valid_until.insert(key, valid_until);
        Ok(Some(true))
    }

    /// Forgets what can no longer pass. The next sweep is due at twice as many entries as are left, so that each entry
    /// pays for a constant number of visits.
    fn sweep(&mut self, now: u64) {
        self.valid_until.retain(|_, valid_until| *valid_until >= now);
        self.forgotten_before = now.max(self.forgotten_before);
        self.sweep_at_len = (self.valid_until.len() * 2).max(MIN_SWEEP).min(self.capacity);
    }
}

/// A panic elsewhere leaves a shard whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReplayGuard for MemoryReplayGuard {
    type Error = MemoryReplayGuardError;
    type Future = Ready<Result<bool, MemoryReplayGuardError>>;

    fn record(&self, signature: VerifiedSignature) -> Self::Future {
        let (now, full) = (signature.now().unwrap_or(0), || MemoryReplayGuardError::Full { capacity: self.capacity() });
        let recorded = self
            .place(&signature.digest())
            .map_or(Ok(None), |(shard, key)| lock(shard).record(key, signature.valid_until_secs(), now));
        ready(recorded.and_then(|recorded| recorded.ok_or_else(full)))
    }
}

impl Default for MemoryReplayGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayGuard")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryReplayGuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(
                f,
                "the guard has no room for another signature: raise its capacity of {capacity} with \
                 `MemoryReplayGuard::with_capacity`, or lower the date tolerance or upload time"
            ),
            Self::Forgotten => f.write_str(
                "signatures of this date were forgotten, because the server's clock was ahead before it was set back",
            ),
        }
    }
}

impl Error for MemoryReplayGuardError {}
