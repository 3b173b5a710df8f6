//! A cache in front of a key store.

use std::{
    error::Error,
    fmt,
    future::ready,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{future::Cache, ops::compute::Op};

use super::{KeyStore, PresentedKey, StoredKey};
use crate::verify::presented::MAX_KEY_ID_LEN;

/// A key store that caches the answers of another one, such as a database.
///
/// ```
/// use std::time::Duration;
///
/// use tower_logentries_auth::{
///     LogentriesVerifyLayer,
///     verify::{CachedKeyStore, PresentedKey, StoredKey},
/// };
///
/// async fn look_up_in_database(presented: PresentedKey) -> Result<Option<StoredKey>, std::io::Error> {
///     // ...
/// #   Ok(None)
/// }
///
/// let keys = CachedKeyStore::new(look_up_in_database)
///     .time_to_live(Duration::from_secs(30)) // a revoked key is rejected after 30 seconds
///     .max_capacity(100_000);
/// let layer = LogentriesVerifyLayer::new(keys.clone());
///
/// // When a key is revoked in this process, at once:
/// # async fn revoke(keys: CachedKeyStore<impl tower_logentries_auth::KeyStore>) {
/// keys.invalidate(&PresentedKey::OwnerKeyId("key-id".into())).await;
/// # }
/// ```
///
/// Known and unknown keys are cached separately, so requests with made-up keys never evict a known one. Concurrent
/// lookups of the same key share one lookup of the inner store. Errors are shared with them and not cached.
///
/// Clones share the cache. A setter starts with an empty cache, so call the setters first. See
/// [`guide::key_stores`](crate::guide::key_stores) for how to choose the values.
pub struct CachedKeyStore<K> {
    store: Arc<K>,
    settings: Settings,
    answers: Arc<Answers>,
}

#[derive(Clone)]
struct Settings {
    time_to_live: Duration,
    max_capacity: u64,
    unknown_time_to_live: Duration,
    unknown_max_capacity: u64,
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

/// What is cached.
struct Answers {
    known: Shelf<StoredKey>,
    unknown: Shelf<()>,
    invalidations: AtomicU64,
}

/// The error of the inner store, shared by all who waited for one lookup.
type SharedError = Arc<dyn Error + Send + Sync>;

/// An answer that is not cached among those of known keys.
enum NotKept {
    Unknown,
    Failed(SharedError),
}

impl<K> CachedKeyStore<K> {
    /// Creates a cache in front of this store.
    pub fn new(store: K) -> Self {
        let settings = Settings {
            time_to_live: Duration::from_secs(60),
            max_capacity: 10_000,
            unknown_time_to_live: Duration::from_secs(10),
            unknown_max_capacity: 10_000,
            clock: Arc::new(Instant::now),
        };
        Self { store: Arc::new(store), answers: Arc::new(Answers::new(&settings)), settings }
    }

    /// Sets how long a known key is cached, counted from the start of its lookup. Defaults to 60 seconds.
    ///
    /// A revoked key is accepted for at most this long, unless it is [invalidated](Self::invalidate).
    pub fn time_to_live(self, duration: Duration) -> Self {
        self.with(|settings| settings.time_to_live = duration)
    }

    /// Sets how many known keys are cached. Defaults to 10,000. Each takes about 700 bytes, and those used least are
    /// evicted first.
    pub fn max_capacity(self, keys: u64) -> Self {
        self.with(|settings| settings.max_capacity = keys)
    }

    /// Sets how long an unknown key is cached. Defaults to 10 seconds.
    ///
    /// A new key that was presented before it was stored is rejected for at most this long.
    pub fn unknown_time_to_live(self, duration: Duration) -> Self {
        self.with(|settings| settings.unknown_time_to_live = duration)
    }

    /// Sets how many unknown keys are cached. Defaults to 10,000, which take at most about 6 MB, because an id has at
    /// most 256 bytes.
    pub fn unknown_max_capacity(self, keys: u64) -> Self {
        self.with(|settings| settings.unknown_max_capacity = keys)
    }

    /// Sets the clock, so that a test can pass time without waiting. Defaults to [`Instant::now`]. Nothing is cached
    /// for longer than by the default clock.
    pub fn clock(self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { store, mut settings, .. } = self;
        change(&mut settings);
        Self { store, answers: Arc::new(Answers::new(&settings)), settings }
    }

    /// Removes a key from the cache, so that the next request with it looks it up again.
    ///
    /// Call this after the store has changed. A lookup in flight may still answer the requests that wait for it, but is
    /// not cached. Caches in other processes are not affected.
    pub async fn invalidate(&self, presented: &PresentedKey) {
        self.answers.invalidations.fetch_add(1, Ordering::SeqCst);
        self.answers.forget(presented).await;
    }

    /// Clears the cache, for example after an account with many keys was closed.
    pub fn invalidate_all(&self) {
        self.answers.invalidations.fetch_add(1, Ordering::SeqCst);
        self.answers.known.cache.invalidate_all();
        self.answers.unknown.cache.invalidate_all();
    }
}

impl<K: KeyStore> CachedKeyStore<K> {
    async fn answer(&self, presented: PresentedKey) -> Result<Option<StoredKey>, SharedError> {
        // The layer rejects such an id. Here it would be what makes an entry large.
        if matches!(&presented, PresentedKey::OwnerKeyId(id) if id.len() > MAX_KEY_ID_LEN) {
            return Ok(None);
        }
        let now = (self.settings.clock)();
        if let Some(stored) = self.answers.known.get(&presented, now).await {
            return Ok(Some(stored));
        }
        if self.answers.unknown.get(&presented, now).await.is_some() {
            return Ok(None);
        }
        let invalidations = self.answers.invalidations.load(Ordering::SeqCst);
        let answer = self.lookup_inner(&presented, now).await;
        if self.answers.invalidations.load(Ordering::SeqCst) != invalidations {
            // It may be from before the store was changed.
            self.answers.forget(&presented).await;
        }
        answer
    }

    /// Looks a key up in the inner store, or waits for a lookup of it that is in flight.
    async fn lookup_inner(&self, presented: &PresentedKey, since: Instant) -> Result<Option<StoredKey>, SharedError> {
        let lookup = async {
            let stored = self.store.lookup(presented.clone()).await;
            match stored.map_err(|error| NotKept::Failed(Arc::from(error.into())))?.filter(|stored| !stored.is_empty())
            {
                Some(value) => Ok(Kept { value, since }),
                None => {
                    self.answers.unknown.cache.insert(presented.clone(), Kept { value: (), since }).await;
                    Err(NotKept::Unknown)
                }
            }
        };
        match self.answers.known.cache.try_get_with_by_ref(presented, lookup).await {
            Ok(kept) => Ok(Some(kept.value)),
            Err(not_kept) => match &*not_kept {
                NotKept::Unknown => Ok(None),
                NotKept::Failed(error) => Err(Arc::clone(error)),
            },
        }
    }
}

impl<K> KeyStore for CachedKeyStore<K>
where
    K: KeyStore<Future: Send> + Send + Sync + 'static,
{
    type Error = Arc<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Option<StoredKey>, Self::Error>> + Send>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.answer(presented).await })
    }
}

impl Answers {
    fn new(settings: &Settings) -> Self {
        Self {
            known: Shelf::new(settings.max_capacity, settings.time_to_live),
            unknown: Shelf::new(settings.unknown_max_capacity, settings.unknown_time_to_live),
            invalidations: AtomicU64::new(0),
        }
    }

    async fn forget(&self, presented: &PresentedKey) {
        self.known.cache.invalidate(presented).await;
        self.unknown.cache.invalidate(presented).await;
    }
}

/// Answers of one kind, with a bound and a time to live of their own.
struct Shelf<V> {
    cache: Cache<PresentedKey, Kept<V>>,
    time_to_live: Duration,
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    /// When its lookup started.
    since: Instant,
}

impl<V: Clone + Send + Sync + 'static> Shelf<V> {
    fn new(capacity: u64, time_to_live: Duration) -> Self {
        // moka panics above 1,000 years.
        let longest = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let cache = Cache::builder().max_capacity(capacity).time_to_live(time_to_live.min(longest)).build();
        Self { cache, time_to_live }
    }

    async fn get(&self, presented: &PresentedKey, now: Instant) -> Option<V> {
        let kept = self.cache.get(presented).await?;
        if self.is_fresh(&kept, now) {
            return Some(kept.value);
        }
        // A lookup would find it again. It stays only if another request has replaced it by now.
        let op = |is_stale| if is_stale { Op::Remove } else { Op::Nop };
        let entry = self.cache.entry_by_ref(presented);
        entry.and_compute_with(|kept| ready(op(kept.is_some_and(|kept| !self.is_fresh(kept.value(), now))))).await;
        None
    }

    fn is_fresh(&self, kept: &Kept<V>, now: Instant) -> bool {
        now.saturating_duration_since(kept.since) < self.time_to_live
    }
}

impl<K> Clone for CachedKeyStore<K> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), settings: self.settings.clone(), answers: Arc::clone(&self.answers) }
    }
}

impl<K> fmt::Debug for CachedKeyStore<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { time_to_live, max_capacity, unknown_time_to_live, unknown_max_capacity, .. } = &self.settings;
        f.debug_struct("CachedKeyStore")
            .field("time_to_live", time_to_live)
            .field("max_capacity", max_capacity)
            .field("unknown_time_to_live", unknown_time_to_live)
            .field("unknown_max_capacity", unknown_max_capacity)
            .finish_non_exhaustive()
    }
}
