//! A guard in memory, bounded and sharded.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    future::{Ready, ready},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::ReplayGuard;
use crate::verify::VerifiedSignature;

/// Remembers signatures in the memory of one process. Clones share what they remember.
///
/// It holds up to 1,000,000 signatures unless [`with_capacity`](Self::with_capacity) says otherwise, which takes at most
/// about 64 MB. A signature leaves when its date is no longer accepted. With the default date tolerance of 5 minutes, a
/// signature is held for up to 10 minutes, so 1,000,000 are enough for a steady 1,600 signed unsafe requests per second.
/// When it is full it never forgets a signature early: new ones are answered with 503 until others leave.
///
/// It forgets everything when the process ends: a signed request can be replayed once after a restart, if its date is still
/// accepted. Layers that share a guard need the same [`date_tolerance`](crate::LogentriesVerifyLayer::date_tolerance).
#[derive(Clone)]
pub struct MemoryReplayGuard {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    len: AtomicUsize,
    /// The second in which all shards were last swept because there was no room.
    swept_at: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    valid_until: HashMap<Key, u64>,
    /// Dates that ended before this second were forgotten.
    forgotten_before: u64,
    sweep_at_len: usize,
}

/// 128 bits of a digest. Whoever wanted two equal ones would have to make 2^64 signatures, and lock out only themselves.
type Key = [u8; 16];

const CAPACITY: usize = 1_000_000;
const SHARDS: usize = 64;
/// A shard with fewer entries is not worth sweeping.
const MIN_SWEEP: usize = 64;

/// Why a [`MemoryReplayGuard`] cannot tell whether a signature was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryReplayGuardError {
    /// It holds as many signatures as it may, and all of their dates are still accepted.
    Full {
        /// How many signatures it may hold.
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

    /// Creates an empty guard for this many signatures, at up to 64 bytes each. Nothing is allocated before it is needed.
    ///
    /// ```
    /// use tower_logentries_auth::replay::{MemoryReplayGuard, RejectReplaysLayer};
    ///
    /// let layer = RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(50_000));
    /// ```
    pub fn with_capacity(signatures: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        let shared = Shared { capacity: signatures, len: 0.into(), swept_at: 0.into(), shards };
        Self { shared: Arc::new(shared) }
    }

    /// Returns how many signatures it holds. Some of them may have a date that is no longer accepted.
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Returns whether it holds no signature.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shared {
    fn record(&self, digest: [u8; 32], valid_until: u64, now: u64) -> Result<bool, MemoryReplayGuardError> {
        let [shard, ..] = digest;
        let (_, key) = digest.split_last_chunk().unwrap_or((&[], &[0; 16]));
        let shard = self.shards.get(usize::from(shard) % SHARDS).unwrap_or(&self.shards[0]);
        match self.try_record(shard, *key, valid_until, now) {
            Err(MemoryReplayGuardError::Full { .. }) if self.make_room(now) => {
                self.try_record(shard, *key, valid_until, now)
            }
            recorded => recorded,
        }
    }

    fn try_record(
        &self,
        shard: &Mutex<Shard>,
        key: Key,
        valid_until: u64,
        now: u64,
    ) -> Result<bool, MemoryReplayGuardError> {
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.valid_until.get_mut(&key) {
            *known = valid_until.max(*known);
            return Ok(false);
        }
        if valid_until < shard.forgotten_before {
            return Err(MemoryReplayGuardError::Forgotten);
        }
        if shard.valid_until.len() >= shard.sweep_at_len.max(MIN_SWEEP) {
            self.sweep(&mut shard, now);
        }
        let place = |len| (len < self.capacity).then_some(len + 1);
        if self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).is_err() {
            return Err(MemoryReplayGuardError::Full { capacity: self.capacity });
        }
        shard.valid_until.insert(key, valid_until);
        Ok(true)
    }

    /// Forgets what can no longer pass. A shard is swept when it has twice as many entries as were left the last time, so
    /// that each entry pays for a constant number of visits.
    fn sweep(&self, shard: &mut Shard, now: u64) {
        let before = shard.valid_until.len();
        shard.valid_until.retain(|_, valid_until| *valid_until >= now);
        shard.forgotten_before = now.max(shard.forgotten_before);
        shard.sweep_at_len = shard.valid_until.len() * 2;
        self.len.fetch_sub(before - shard.valid_until.len(), Ordering::Relaxed);
    }

    /// Sweeps all shards, once a second at most, and returns whether there is room.
    fn make_room(&self, now: u64) -> bool {
        if self.swept_at.swap(now, Ordering::Relaxed) != now {
            for shard in &self.shards {
                self.sweep(&mut shard.lock().unwrap_or_else(PoisonError::into_inner), now);
            }
        }
        self.len.load(Ordering::Relaxed) < self.capacity
    }
}

impl ReplayGuard for MemoryReplayGuard {
    type Error = MemoryReplayGuardError;
    type Future = Ready<Result<bool, MemoryReplayGuardError>>;

    fn record(&self, signature: VerifiedSignature) -> Self::Future {
        let now = signature.now().unwrap_or(0);
        ready(self.shared.record(signature.digest(), signature.valid_until_secs(), now))
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
            .field("capacity", &self.shared.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryReplayGuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(
                f,
                "the guard holds {capacity} signatures, all of them still valid: raise its capacity with \
                 `MemoryReplayGuard::with_capacity`, or lower the date tolerance"
            ),
            Self::Forgotten => f.write_str(
                "signatures of this date were forgotten, because the server's clock was ahead before it was set back",
            ),
        }
    }
}

impl Error for MemoryReplayGuardError {}
