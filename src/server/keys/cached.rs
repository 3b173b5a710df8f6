//! A cache in front of a key store.

use std::error::Error;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::{KeyStore, PresentedKey, StoredApiKey};
use crate::{ApiKeyDigest, BoxError, OwnerKey};

/// A key store that caches the answers of another one, such as a database.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use tower_logentries_auth::{
///     KeyStore, LogentriesVerifyLayer,
///     server::{CachedKeyStore, PresentedKey},
/// };
///
/// # async fn run(database_store: impl KeyStore<OwnerKeys: Send, ApiKey: Send> + Send + Sync + 'static) {
/// let keys = CachedKeyStore::new(database_store)
///     .time_to_live(Duration::from_secs(30)) // a revoked key is rejected after 30 seconds
///     .unknown_time_to_live(Duration::from_secs(5)) // a new key that was tried before is accepted after 5 seconds
///     .max_capacity(100_000);
/// let layer = LogentriesVerifyLayer::new(keys.clone());
///
/// // When a key is revoked in this process, at once:
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
    cached: Arc<Cached>,
}

#[derive(Clone, Copy)]
struct Settings {
    max_capacity: u64,
    known: Duration,
    unknown: Duration,
}

struct Cached {
    owner_keys: Answers<Arc<str>, Vec<OwnerKey>>,
    api_keys: Answers<ApiKeyDigest, StoredApiKey>,
}

/// The cached answers about one kind of key: always `Some` in `known`, and always `None` in `unknown`.
struct Answers<Q, V> {
    known: Cache<Q, Option<V>>,
    unknown: Cache<Q, Option<V>>,
    invalidations: AtomicU64,
}

/// The error of the inner store, shared by all who waited for one lookup.
type SharedError = Arc<dyn Error + Send + Sync>;

fn shared(error: impl Into<BoxError>) -> SharedError {
    error.into().into()
}

impl<K> CachedKeyStore<K> {
    /// Creates a cache in front of this store.
    pub fn new(store: K) -> Self {
        let (known, unknown) = (Duration::from_secs(60), Duration::from_secs(10));
        Self::with_settings(Arc::new(store), Settings { max_capacity: 10_000, known, unknown })
    }

    fn with_settings(store: Arc<K>, settings: Settings) -> Self {
        let cached = Cached { owner_keys: Answers::new(settings), api_keys: Answers::new(settings) };
        Self { store, settings, cached: Arc::new(cached) }
    }

    /// Sets how long a known key is cached. Defaults to 60 seconds.
    ///
    /// A revoked key is accepted for at most this long after its lookup, unless it is [invalidated](Self::invalidate).
    pub fn time_to_live(self, duration: Duration) -> Self {
        Self::with_settings(self.store, Settings { known: duration, ..self.settings })
    }

    /// Sets how many known keys of each kind are cached, and as many unknown ones. Defaults to 10,000. Each takes about 700
    /// bytes, and those used least are evicted first.
    pub fn max_capacity(self, keys: u64) -> Self {
        Self::with_settings(self.store, Settings { max_capacity: keys, ..self.settings })
    }

    /// Sets how long an unknown key is cached. Defaults to 10 seconds.
    ///
    /// A new key that was presented before it was stored is rejected for at most this long.
    pub fn unknown_time_to_live(self, duration: Duration) -> Self {
        Self::with_settings(self.store, Settings { unknown: duration, ..self.settings })
    }

    /// Removes a key from the cache, so that the next request with it looks it up again.
    ///
    /// Call this after the store has changed. A lookup in flight may still answer the requests that wait for it, but is
    /// not cached. Caches in other processes are not affected.
    pub async fn invalidate(&self, key: &PresentedKey) {
        match key {
            PresentedKey::OwnerKeyId(id) => self.cached.owner_keys.invalidate(id).await,
            PresentedKey::ApiKey(digest) => self.cached.api_keys.invalidate(digest).await,
        }
    }

    /// Clears the cache, for example after an account with many keys was closed.
    pub fn invalidate_all(&self) {
        self.cached.owner_keys.invalidate_all();
        self.cached.api_keys.invalidate_all();
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, SharedError>> + Send>>;

impl<K> KeyStore for CachedKeyStore<K>
where
    K: KeyStore<OwnerKeys: Send, ApiKey: Send> + Send + Sync + 'static,
{
    type Error = SharedError;
    type OwnerKeys = BoxFuture<Vec<OwnerKey>>;
    type ApiKey = BoxFuture<Option<StoredApiKey>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        let Self { store, cached, .. } = self.clone();
        Box::pin(async move {
            let lookup = async {
                let keys = store.owner_keys(Arc::clone(&id)).await.map_err(shared)?;
                Ok(Some(keys).filter(|keys| !keys.is_empty()))
            };
            Ok(cached.owner_keys.get(&id, lookup).await?.unwrap_or_default())
        })
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        let Self { store, cached, .. } = self.clone();
        Box::pin(async move {
            let lookup = async { store.api_key(digest).await.map_err(shared) };
            cached.api_keys.get(&digest, lookup).await
        })
    }
}

impl<Q, V> Answers<Q, V>
where
    Q: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(settings: Settings) -> Self {
        // moka panics above 1,000 years.
        let longest = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let cache = |time_to_live: Duration| {
            Cache::builder().max_capacity(settings.max_capacity).time_to_live(time_to_live.min(longest)).build()
        };
        Self { known: cache(settings.known), unknown: cache(settings.unknown), invalidations: AtomicU64::new(0) }
    }

    /// Returns a cached answer, or that of a lookup, which concurrent calls share.
    async fn get(
        &self,
        key: &Q,
        lookup: impl Future<Output = Result<Option<V>, SharedError>>,
    ) -> Result<Option<V>, SharedError> {
        if let Some(unknown) = self.unknown.get(key).await {
            return Ok(unknown);
        }
        let invalidations = self.invalidations.load(Ordering::SeqCst);
        // The cache of known keys keeps no error: `Err(None)` stands for an unknown key, which has a cache of its own.
        let lookup = async {
            let answer = lookup.await.map_err(Some)?;
            if answer.is_none() {
                self.unknown.insert(key.clone(), answer).await;
                return Err(None);
            }
            Ok(answer)
        };
        let answer = self.known.try_get_with_by_ref(key, lookup).await;
        if self.invalidations.load(Ordering::SeqCst) != invalidations {
            // It may be from before the store was changed.
            self.forget(key).await;
        }
        answer.or_else(|not_kept| Option::clone(&not_kept).map_or(Ok(None), Err))
    }

    async fn invalidate(&self, key: &Q) {
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.forget(key).await;
    }

    fn invalidate_all(&self) {
        self.invalidations.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
        self.unknown.invalidate_all();
    }

    async fn forget(&self, key: &Q) {
        self.known.invalidate(key).await;
        self.unknown.invalidate(key).await;
    }
}

impl<K> Clone for CachedKeyStore<K> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), settings: self.settings, cached: Arc::clone(&self.cached) }
    }
}

crate::text::opaque_debug!(CachedKeyStore<K>);
