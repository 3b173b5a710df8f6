//! Guards, which remember the signatures that were used: the trait, and a bounded guard in memory.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::BoxError;
use crate::server::VerifiedSignature;

/// Remembers the signatures that were used. [`MemoryReplayGuard`] does so for one process;
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

/// Remembers signatures in the memory of one process. Clones share what they remember.
///
/// The capacity defaults to 1,000,000 signatures, which take at most about 64 MB; see
/// [`with_capacity`](Self::with_capacity). A signature is forgotten when its request can no longer pass. With the
/// default date tolerance and upload duration, a signature is held for 20 minutes, so 1,000,000 are enough for a steady 800
/// signed unsafe requests per second; a lower [`upload_duration`](crate::LogentriesVerifyLayer::upload_duration) makes room
/// for more. A full guard never forgets a signature early: new ones are answered with 503 until others expire.
///
/// It forgets everything when the process ends: a signed request can be replayed once after a restart, if its date is
/// still accepted.
///
/// Layers that share a guard should have the same tolerances. With different ones it fails closed: all of them answer
/// 503 to dates that it has forgotten for one of them.
#[derive(Clone)]
pub struct MemoryReplayGuard {
    capacity: usize,
    remembered: Arc<Mutex<Remembered>>,
}

/// The signatures by their date, in seconds since 1970. A signature covers its date, so copies share a bucket.
#[derive(Default)]
struct Remembered {
    buckets: BTreeMap<u64, Bucket>,
    len: usize,
    /// The newest date whose signatures were forgotten.
    forgotten: Option<u64>,
}

/// The signatures of one date.
#[derive(Default)]
struct Bucket {
    digests: HashSet<Digest>,
    /// The last second in which one of them can pass.
    valid_until: u64,
}

/// The first 128 bits of a digest. To find two equal ones requires about 2^64 signatures, and would lock out only the
/// key's owner.
type Digest = [u8; 16];

type Recorded = Result<bool, MemoryReplayGuardError>;

/// Why a [`MemoryReplayGuard`] cannot decide whether a signature was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryReplayGuardError {
    /// It has no room for the signature, and forgets none whose date is still accepted.
    #[non_exhaustive]
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
        Self::with_capacity(1_000_000)
    }

    /// Creates an empty guard for this many signatures. It allocates up to 64 bytes for each signature, when the
    /// signature arrives.
    ///
    /// ```
    /// use tower_logentries_auth::{RejectReplaysLayer, replay::MemoryReplayGuard};
    ///
    /// let layer = RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(50_000));
    /// ```
    pub fn with_capacity(signatures: usize) -> Self {
        Self { capacity: signatures, remembered: Arc::default() }
    }

    /// Returns how many signatures it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many signatures it holds. Some of them may have a date that is no longer accepted.
    pub fn len(&self) -> usize {
        self.lock().len
    }

    /// Returns whether it holds no signature.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ignores poisoning, because a panic elsewhere leaves what is remembered whole.
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    /// Forgets the oldest dates, up to the first that has a signature which can still pass.
    fn forget(&mut self, now: u64) {
        while let Some(oldest) = self.buckets.first_entry().filter(|oldest| oldest.get().valid_until < now) {
            let (date, bucket) = oldest.remove_entry();
            self.len -= bucket.digests.len();
            self.forgotten = self.forgotten.max(Some(date));
        }
    }

    /// Returns whether the signature is new.
    fn record(&mut self, digest: Digest, date: u64, valid_until: u64, capacity: usize) -> Recorded {
        if self.forgotten.is_some_and(|forgotten| date <= forgotten) {
            return Err(MemoryReplayGuardError::Forgotten);
        }
        let is_known = self.buckets.get(&date).is_some_and(|bucket| bucket.digests.contains(&digest));
        if !is_known && self.len >= capacity {
            return Err(MemoryReplayGuardError::Full { capacity });
        }
        let bucket = self.buckets.entry(date).or_default();
        bucket.digests.insert(digest);
        bucket.valid_until = valid_until.max(bucket.valid_until);
        self.len += usize::from(!is_known);
        Ok(!is_known)
    }
}

impl ReplayGuard for MemoryReplayGuard {
    type Error = MemoryReplayGuardError;
    type Future = Ready<Recorded>;

    fn record(&self, signature: VerifiedSignature) -> Self::Future {
        let digest = *signature.digest().first_chunk().expect("a digest has 32 bytes");
        let mut remembered = self.lock();
        if let Some(now) = signature.clock.now() {
            remembered.forget(now);
        }
        ready(remembered.record(digest, signature.date_secs, signature.valid_until_secs, self.capacity))
    }
}

impl Default for MemoryReplayGuard {
    fn default() -> Self {
        Self::new()
    }
}

crate::text::opaque_debug!(MemoryReplayGuard);

impl fmt::Display for MemoryReplayGuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(
                f,
                "the guard has no room for another signature: raise its capacity of {capacity} with \
                 `MemoryReplayGuard::with_capacity`, or lower the date tolerance or upload duration"
            ),
            Self::Forgotten => f.write_str(
                "signatures of this date were forgotten, because the server's clock was ahead before it was set back",
            ),
        }
    }
}

impl std::error::Error for MemoryReplayGuardError {}
