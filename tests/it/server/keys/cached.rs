//! The cache in front of a key store: what is kept, for how long, and what is not.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture, future::join_all};
use proptest::prelude::*;
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, mpsc},
};
use tower_logentries_auth::{
    Access, ApiKeyDigest, KeyStore, Rejection,
    server::{CachedKeyStore, PresentedKey, StoredKey},
};

use crate::support::{
    LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, credentials,
    verifying::{TestRequest, present, verifier_with, with_api_key},
    whole_error, with_timeout,
};

/// A database that counts its queries, fails on demand, and names the version of a key in its id.
#[derive(Clone, Default)]
struct Database {
    versions: Arc<Mutex<HashMap<PresentedKey, u64>>>,
    asked: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
}

impl Database {
    fn set(&self, key: &PresentedKey, version: Option<u64>) {
        let mut versions = self.versions.lock().unwrap();
        match version {
            Some(version) => versions.insert(key.clone(), version),
            None => versions.remove(key),
        };
    }

    /// How often it was asked since the last time.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl KeyStore for Database {
    type Error = io::Error;
    type Future = std::future::Ready<Result<Option<StoredKey>, io::Error>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::future::ready(match self.is_down.load(Ordering::SeqCst) {
            true => Err(io::Error::other("no connection")),
            false => Ok(self.versions.lock().unwrap().get(&presented).map(|version| stored(*version))),
        })
    }
}

fn stored(version: u64) -> StoredKey {
    StoredKey::api_key(Access::ReadOnly).with_id(version.to_string())
}

fn key(number: u64) -> PresentedKey {
    PresentedKey::ApiKey(ApiKeyDigest::of(number.to_string()))
}

/// A clock that a test moves on.
#[derive(Clone, Default)]
struct Seconds(Arc<AtomicU64>);

impl Seconds {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn reading(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let (start, passed) = (Instant::now(), Arc::clone(&self.0));
        move || start + Duration::from_secs(passed.load(Ordering::SeqCst))
    }
}

/// A cache that keeps known keys for 60 seconds and unknown ones for 10.
fn cached() -> (CachedKeyStore<Database>, Database, Seconds) {
    let (database, seconds) = (Database::default(), Seconds::default());
    let cache = CachedKeyStore::new(database.clone())
        .time_to_live(Duration::from_secs(60))
        .unknown_time_to_live(Duration::from_secs(10))
        .clock(seconds.reading());
    (cache, database, seconds)
}

/// The version that a store answers with.
async fn version(keys: &impl KeyStore, key: PresentedKey) -> Option<u64> {
    let found = with_timeout(keys.lookup(key)).await.map_err(Into::into).unwrap();
    found.map(|found| {
        let debug = format!("{found:?}");
        debug.split('"').find_map(|part| part.parse().ok()).unwrap_or_else(|| panic!("{debug}"))
    })
}

async fn lookup_all<const N: usize>(keys: &impl KeyStore, numbers: [u64; N]) {
    for number in numbers {
        version(keys, key(number)).await;
    }
}

#[tokio::test]
async fn known_key_is_looked_up_once_until_it_expires() {
    let (cache, database, seconds) = cached();
    database.set(&key(1), Some(7));
    for _ in 0..3 {
        assert_eq!(version(&cache, key(1)).await, Some(7));
    }
    assert_eq!(database.asked(), 1);
    database.set(&key(1), Some(8));
    seconds.pass(59);
    assert_eq!((version(&cache, key(1)).await, database.asked()), (Some(7), 0));
    seconds.pass(1);
    assert_eq!((version(&cache, key(1)).await, database.asked()), (Some(8), 1));
    assert_eq!((version(&cache.clone(), key(1)).await, database.asked()), (Some(8), 0), "clones share it");
}

#[tokio::test]
async fn unknown_key_has_a_time_to_live_of_its_own() {
    let (cache, database, seconds) = cached();
    assert_eq!((version(&cache, key(1)).await, database.asked()), (None, 1));
    database.set(&key(1), Some(7));
    seconds.pass(9);
    assert_eq!((version(&cache, key(1)).await, database.asked()), (None, 0));
    seconds.pass(1);
    assert_eq!((version(&cache, key(1)).await, database.asked()), (Some(7), 1));
}

#[tokio::test]
async fn time_to_live_may_be_nothing_or_forever() {
    let (cache, database, seconds) = cached();
    database.set(&key(1), Some(7));
    let never = cache.clone().time_to_live(Duration::ZERO).unknown_time_to_live(Duration::ZERO);
    for _ in 0..3 {
        assert_eq!((version(&never, key(1)).await, database.asked()), (Some(7), 1));
        assert_eq!((version(&never, key(2)).await, database.asked()), (None, 1));
    }
    let forever = cache.time_to_live(Duration::MAX).unknown_time_to_live(Duration::MAX);
    for _ in 0..3 {
        seconds.pass(1_000_000);
        lookup_all(&forever, [1, 2]).await;
    }
    assert_eq!(database.asked(), 2);
}

#[tokio::test]
async fn errors_are_not_cached() {
    let (cache, database, seconds) = cached();
    database.set(&key(1), Some(7));
    version(&cache, key(1)).await;
    database.is_down.store(true, Ordering::SeqCst);
    assert_eq!(version(&cache, key(1)).await, Some(7));
    database.asked();
    for asked in 1..=3 {
        let error = cache.lookup(key(2)).await.unwrap_err();
        assert_eq!((whole_error(&*error).contains("no connection"), database.asked()), (true, 1), "{asked}");
    }
    seconds.pass(60);
    assert!(cache.lookup(key(1)).await.is_err(), "an expired key does not pass because the database is gone");
    database.is_down.store(false, Ordering::SeqCst);
    assert_eq!((version(&cache, key(1)).await, version(&cache, key(2)).await), (Some(7), None));
}

#[tokio::test]
async fn failed_lookup_is_503_with_its_cause() {
    let (cache, database, _) = cached();
    database.is_down.store(true, Ordering::SeqCst);
    let rejection = present(&verifier_with(cache), with_api_key("GET", LOGS, "any")).await.unwrap_err();
    assert!(matches!(rejection, Rejection::KeyStoreUnavailable { .. }), "{rejection:?}");
    assert!(whole_error(&rejection).contains("no connection"), "{rejection:?}");
}

#[tokio::test]
async fn cached_keys_authenticate_requests() {
    let layer = verifier_with(CachedKeyStore::new(credentials()));
    for _ in 0..2 {
        present(&layer, TestRequest::CREATE.request()).await.unwrap();
        present(&layer, with_api_key("GET", LOGS, READ_ONLY_KEY)).await.unwrap();
        let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
        let rejection = present(&layer, forged.request()).await.unwrap_err();
        assert!(matches!(rejection, Rejection::InvalidSignature(_)), "{rejection:?}");
    }
}

/// A store that answers when it is let to.
#[derive(Clone)]
struct Gated {
    database: Database,
    asking: mpsc::UnboundedSender<()>,
    gate: Arc<Semaphore>,
}

impl KeyStore for Gated {
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Option<StoredKey>, io::Error>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        let Self { database, asking, gate } = self.clone();
        Box::pin(async move {
            let answer = database.lookup(presented).await;
            asking.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            answer
        })
    }
}

fn gated() -> (CachedKeyStore<Gated>, Gated, mpsc::UnboundedReceiver<()>) {
    let (asking, asked) = mpsc::unbounded_channel();
    let gated = Gated { database: Database::default(), asking, gate: Arc::new(Semaphore::new(0)) };
    (CachedKeyStore::new(gated.clone()), gated, asked)
}

#[tokio::test]
async fn concurrent_lookups_are_coalesced() {
    let (cache, gated, mut asked) = gated();
    gated.database.set(&key(1), Some(7));
    for (presented, is_down) in [(key(1), false), (key(2), false), (key(3), true)] {
        gated.database.is_down.store(is_down, Ordering::SeqCst);
        let mut lookups = join_all((0..64).map(|_| cache.lookup(presented.clone())));
        assert!((&mut lookups).now_or_never().is_none(), "all of them wait");
        with_timeout(asked.recv()).await.unwrap();
        gated.gate.add_permits(1);
        let answers = with_timeout(lookups).await;
        assert_eq!(gated.database.asked(), 1);
        for answer in answers {
            assert_eq!((answer.is_err(), answer.is_ok_and(|found| found.is_some())), (is_down, presented == key(1)));
        }
    }
}

#[tokio::test]
async fn dropped_lookup_does_not_block_others() {
    let (cache, gated, mut asked) = gated();
    gated.database.set(&key(1), Some(7));
    let mut dropped = cache.lookup(key(1));
    assert!((&mut dropped).now_or_never().is_none());
    let mut waiting = cache.lookup(key(1));
    assert!((&mut waiting).now_or_never().is_none());
    with_timeout(asked.recv()).await.unwrap();
    drop(dropped);
    gated.gate.add_permits(1);
    assert!(with_timeout(waiting).await.unwrap().is_some());
    assert_eq!(gated.database.asked(), 2);
}

#[tokio::test]
async fn invalidated_key_is_looked_up_again() {
    let (cache, database, _) = cached();
    database.set(&key(1), Some(7));
    lookup_all(&cache, [1, 2, 3]).await;
    database.set(&key(1), None);
    database.set(&key(2), Some(8));
    database.asked();
    cache.invalidate(&key(1)).await;
    cache.invalidate(&key(2)).await;
    assert_eq!((version(&cache, key(1)).await, version(&cache, key(2)).await), (None, Some(8)));
    assert_eq!((version(&cache, key(3)).await, database.asked()), (None, 2), "others are kept");

    cache.invalidate_all();
    lookup_all(&cache, [1, 2, 3]).await;
    assert_eq!(database.asked(), 3);
}

#[tokio::test]
async fn stale_answer_after_invalidation_is_not_cached() {
    let (cache, gated, mut asked) = gated();
    for (before, after) in [(Some(7), None), (None, Some(8))] {
        gated.database.set(&key(1), before);
        let mut under_way = cache.lookup(key(1));
        assert!((&mut under_way).now_or_never().is_none());
        with_timeout(asked.recv()).await.unwrap();
        gated.database.set(&key(1), after);
        cache.invalidate(&key(1)).await;
        gated.gate.add_permits(2);
        assert_eq!(with_timeout(under_way).await.unwrap().is_some(), before.is_some());
        assert_eq!(version(&cache, key(1)).await, after);
        with_timeout(asked.recv()).await.unwrap();
        cache.invalidate_all();
    }
}

#[tokio::test]
async fn unknown_keys_do_not_evict_known_ones() {
    let (cache, database, _) = cached();
    let cache = cache.max_capacity(100).unknown_max_capacity(100);
    for number in 0..50 {
        database.set(&key(number), Some(number));
        version(&cache, key(number)).await;
    }
    for made_up in 1_000..11_000 {
        assert_eq!(version(&cache, key(made_up)).await, None);
    }
    database.asked();
    for number in 0..50 {
        assert_eq!(version(&cache, key(number)).await, Some(number));
    }
    assert_eq!(database.asked(), 0);
}

#[tokio::test]
async fn owner_id_without_keys_is_unknown() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (counter, seconds) = (Arc::clone(&asked), Seconds::default());
    let no_rows = move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, io::Error>(Some(StoredKey::owner([]))))
    };
    let cache = CachedKeyStore::new(no_rows).unknown_time_to_live(Duration::from_secs(10)).clock(seconds.reading());
    for (passed, times) in [(0, 1), (9, 1), (1, 2)] {
        seconds.pass(passed);
        assert_eq!(version(&cache, PresentedKey::OwnerKeyId("id".into())).await, None);
        assert_eq!(asked.load(Ordering::SeqCst), times, "kept as a key that is unknown");
    }
}

#[tokio::test]
async fn entries_are_bounded() {
    let (cache, database, _) = cached();
    let cache = cache.max_capacity(100).unknown_max_capacity(100);
    for round in 0..2 {
        for number in 0..10_000 {
            database.set(&key(number), (number % 2 == 0).then_some(number));
            version(&cache, key(number)).await;
        }
        let asked = database.asked();
        // What was written last may be over the bound for a moment.
        assert!(asked >= 8_000, "round {round}: {} of 10,000 were kept", 10_000 - asked);
    }
}

#[tokio::test]
async fn impossible_id_is_unknown() {
    let (cache, database, _) = cached();
    let of_length = |len: usize| PresentedKey::OwnerKeyId("i".repeat(len).into());
    for (len, asked) in [(256, 1), (257, 0), (1_000_000, 0)] {
        assert_eq!((version(&cache, of_length(len)).await, database.asked()), (None, asked));
    }
}

#[test]
fn debug_shows_only_settings() {
    let cache = CachedKeyStore::new([OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY]).time_to_live(Duration::from_secs(7));
    let debug = format!("{cache:?}");
    assert!(debug.contains("time_to_live: 7s"), "{debug}");
    crate::support::assert_no_secrets(&debug);
}

#[derive(Debug, Clone)]
enum Step {
    LookUp(u64),
    Set(u64, bool),
    Invalidate(u64),
    InvalidateAll,
    Pass(u64),
    SetDown(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u64).prop_map(Step::LookUp),
        2 => (0..4_u64, any::<bool>()).prop_map(|(number, is_known)| Step::Set(number, is_known)),
        1 => (0..4_u64).prop_map(Step::Invalidate),
        1 => Just(Step::InvalidateAll),
        2 => (1..40_u64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::SetDown),
    ]
}

proptest! {
    /// The cache against a model that remembers when each key was last looked up, and with what answer.
    #[test]
    fn answers_are_never_older_than_the_ttl(steps in prop::collection::vec(step(), 1..80)) {
        let (cache, database, seconds) = cached();
        let mut kept: HashMap<u64, (u64, Option<u64>)> = HashMap::new();
        let (mut now, mut is_down, mut versions) = (0, false, HashMap::<u64, u64>::new());
        let runtime = Runtime::new().unwrap();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::LookUp(number) => {
                    let fresh = kept.get(&number).filter(|(since, answer)| now - since < answer.map_or(10, |_| 60));
                    let expected = match fresh {
                        Some((_, answer)) => Ok(*answer),
                        None if is_down => Err(()),
                        None => Ok(versions.get(&number).copied()),
                    };
                    let was_fresh = fresh.is_some();
                    if let (false, Ok(answer)) = (was_fresh, expected) {
                        kept.insert(number, (now, answer));
                    }
                    let found = runtime.block_on(cache.lookup(key(number)));
                    prop_assert_eq!(database.asked() == 0, was_fresh);
                    let found = found.map(|found| found.map(|found| format!("{found:?}"))).map_err(drop);
                    prop_assert_eq!(found, expected.map(|answer| answer.map(|version| format!("{:?}", stored(version)))));
                }
                Step::Set(number, is_known) => {
                    let version = is_known.then_some(at as u64);
                    database.set(&key(number), version);
                    match version {
                        Some(version) => versions.insert(number, version),
                        None => versions.remove(&number),
                    };
                }
                Step::Invalidate(number) => {
                    runtime.block_on(cache.invalidate(&key(number)));
                    kept.remove(&number);
                }
                Step::InvalidateAll => {
                    cache.invalidate_all();
                    kept.clear();
                }
                Step::Pass(some) => {
                    seconds.pass(some);
                    now += some;
                }
                Step::SetDown(whether) => {
                    database.is_down.store(whether, Ordering::SeqCst);
                    is_down = whether;
                }
            }
        }
    }
}
