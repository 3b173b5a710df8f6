//! The cache in front of a key store: what is kept, and what is not.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture, future::join_all};
use proptest::prelude::*;
use tokio::sync::{Semaphore, mpsc};
use tower_logentries_auth::{
    Access, ApiKeyDigest, KeyStore, OwnerKey,
    server::{CachedKeyStore, PresentedKey, Reason, StoredApiKey},
};

use crate::support::{
    LOGS, READ_ONLY_KEY, cases, credentials,
    verifying::{TestRequest, present, verifier_with, with_api_key},
    whole_error, with_timeout,
};

/// A database that counts its queries, fails on demand, and names the version of a key in its id or label.
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

    fn version(&self, key: &PresentedKey) -> io::Result<Option<String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(io::Error::other("no connection"));
        }
        Ok(self.versions.lock().unwrap().get(key).map(u64::to_string))
    }
}

impl KeyStore for Database {
    type Error = io::Error;
    type OwnerKeys = Ready<io::Result<Vec<OwnerKey>>>;
    type ApiKey = Ready<io::Result<Option<StoredApiKey>>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        let version = self.version(&PresentedKey::OwnerKeyId(Arc::clone(&id)));
        let key = |version| OwnerKey::new(&id, "owner-key").unwrap().with_label(version);
        ready(version.map(|version| version.map(key).into_iter().collect()))
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        let version = self.version(&PresentedKey::ApiKey(digest));
        ready(version.map(|version| version.map(|version| StoredApiKey::new(Access::ReadOnly).with_id(version))))
    }
}

/// Owner keys and API keys in turn.
fn key(number: u64) -> PresentedKey {
    match number % 2 {
        0 => PresentedKey::OwnerKeyId(number.to_string().into()),
        _ => PresentedKey::ApiKey(ApiKeyDigest::of(number.to_string())),
    }
}

/// A cache that forgets nothing by itself.
fn cached() -> (CachedKeyStore<Database>, Database) {
    let database = Database::default();
    let cache = CachedKeyStore::new(database.clone()).time_to_live(Duration::MAX).unknown_time_to_live(Duration::MAX);
    (cache, database)
}

/// The version that a store answers with.
async fn version<K: KeyStore>(keys: &K, key: PresentedKey) -> Result<Option<u64>, K::Error> {
    let version: Option<String> = match key {
        PresentedKey::OwnerKeyId(id) => {
            with_timeout(keys.owner_keys(id)).await?.first().map(|key| key.label().unwrap().to_owned())
        }
        PresentedKey::ApiKey(digest) => {
            with_timeout(keys.api_key(digest)).await?.map(|key| key.id().unwrap().to_owned())
        }
        key => panic!("{key:?}"),
    };
    Ok(version.map(|version| version.parse().unwrap()))
}

#[tokio::test]
async fn each_key_is_looked_up_once_known_or_not() {
    let (cache, database) = cached();
    for known in [0, 1] {
        database.set(&key(known), Some(7));
    }
    for (number, expected) in [(0, Some(7)), (1, Some(7)), (2, None), (3, None)] {
        for asked in [1, 0, 0] {
            assert_eq!(version(&cache.clone(), key(number)).await.unwrap(), expected, "clones share it");
            assert_eq!(database.asked(), asked);
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_without_a_time_to_live() {
    let (cache, database) = cached();
    database.set(&key(1), Some(7));
    let cache = cache.time_to_live(Duration::ZERO).unknown_time_to_live(Duration::ZERO);
    for number in [1, 2, 1, 2] {
        version(&cache, key(number)).await.unwrap();
        assert_eq!(database.asked(), 1);
    }
}

#[tokio::test]
async fn time_to_live_ends() {
    let (cache, database) = cached();
    let cache = cache.time_to_live(Duration::from_millis(20)).unknown_time_to_live(Duration::from_millis(20));
    for (before, after) in [(Some(7), None), (None, Some(8))] {
        for number in [0, 1] {
            database.set(&key(number), before);
            cache.invalidate(&key(number)).await;
            version(&cache, key(number)).await.unwrap();
            database.set(&key(number), after);
            let changes = async {
                while version(&cache, key(number)).await.unwrap() != after {
                    tokio::task::yield_now().await;
                }
            };
            with_timeout(changes).await;
        }
    }
}

#[tokio::test]
async fn errors_are_not_cached_and_a_known_key_passes_meanwhile() {
    let (cache, database) = cached();
    database.set(&key(1), Some(7));
    version(&cache, key(1)).await.unwrap();
    database.is_down.store(true, Ordering::SeqCst);
    database.asked();
    assert_eq!(version(&cache, key(1)).await.unwrap(), Some(7));
    for number in [2, 3, 2, 3] {
        let error = version(&cache, key(number)).await.unwrap_err();
        assert_eq!((whole_error(&*error).contains("no connection"), database.asked()), (true, 1));
    }
    database.is_down.store(false, Ordering::SeqCst);
    assert_eq!(version(&cache, key(2)).await.unwrap(), None);
}

#[tokio::test]
async fn failed_lookup_is_503_with_its_cause() {
    let (cache, database) = cached();
    database.is_down.store(true, Ordering::SeqCst);
    let rejection = present(&verifier_with(cache), with_api_key("GET", LOGS, "any")).await.unwrap_err();
    assert_eq!(rejection.kind(), "key_store_unavailable");
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
        assert!(matches!(rejection.reason(), Reason::InvalidSignature(_)), "{rejection:?}");
    }
}

/// A store that answers when it is let to.
#[derive(Clone)]
struct Gated {
    database: Database,
    asking: mpsc::UnboundedSender<()>,
    gate: Arc<Semaphore>,
}

impl Gated {
    async fn wait<T>(self, answer: T) -> T {
        self.asking.send(()).unwrap();
        self.gate.acquire().await.unwrap().forget();
        answer
    }
}

impl KeyStore for Gated {
    type Error = io::Error;
    type OwnerKeys = BoxFuture<'static, io::Result<Vec<OwnerKey>>>;
    type ApiKey = BoxFuture<'static, io::Result<Option<StoredApiKey>>>;

    fn owner_keys(&self, id: Arc<str>) -> Self::OwnerKeys {
        let gated = self.clone();
        Box::pin(async move { gated.clone().wait(gated.database.owner_keys(id).await).await })
    }

    fn api_key(&self, digest: ApiKeyDigest) -> Self::ApiKey {
        let gated = self.clone();
        Box::pin(async move { gated.clone().wait(gated.database.api_key(digest).await).await })
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
    for (presented, known, is_down) in
        [(key(0), Some(7), false), (key(1), Some(7), false), (key(2), None, false), (key(3), None, true)]
    {
        gated.database.set(&presented, known);
        gated.database.is_down.store(is_down, Ordering::SeqCst);
        let mut lookups = join_all((0..64).map(|_| version(&cache, presented.clone())).map(Box::pin));
        assert!((&mut lookups).now_or_never().is_none(), "all of them wait");
        with_timeout(asked.recv()).await.unwrap();
        gated.gate.add_permits(1);
        let answers = with_timeout(lookups).await;
        assert_eq!(gated.database.asked(), 1);
        for answer in answers {
            assert_eq!(answer.map_err(drop), if is_down { Err(()) } else { Ok(known) });
        }
    }
}

#[tokio::test]
async fn dropped_lookup_does_not_block_others() {
    let (cache, gated, mut asked) = gated();
    gated.database.set(&key(1), Some(7));
    let mut dropped = Box::pin(version(&cache, key(1)));
    assert!(dropped.as_mut().now_or_never().is_none());
    let mut waiting = Box::pin(version(&cache, key(1)));
    assert!(waiting.as_mut().now_or_never().is_none());
    with_timeout(asked.recv()).await.unwrap();
    drop(dropped);
    gated.gate.add_permits(1);
    assert_eq!(with_timeout(waiting).await.unwrap(), Some(7));
    assert_eq!(gated.database.asked(), 2);
}

#[tokio::test]
async fn stale_answer_after_invalidation_is_not_cached() {
    let (cache, gated, mut asked) = gated();
    for number in [0, 1] {
        for (before, after) in [(Some(7), None), (None, Some(8))] {
            for invalidates_all in [false, true] {
                gated.database.set(&key(number), before);
                let mut under_way = Box::pin(version(&cache, key(number)));
                assert!(under_way.as_mut().now_or_never().is_none());
                with_timeout(asked.recv()).await.unwrap();
                gated.database.set(&key(number), after);
                match invalidates_all {
                    true => cache.invalidate_all(),
                    false => cache.invalidate(&key(number)).await,
                }
                gated.gate.add_permits(2);
                assert_eq!(with_timeout(under_way).await.unwrap(), before);
                assert_eq!(version(&cache, key(number)).await.unwrap(), after);
                with_timeout(asked.recv()).await.unwrap();
                cache.invalidate_all();
            }
        }
    }
}

#[tokio::test]
async fn unknown_keys_do_not_evict_known_ones() {
    let (cache, database) = cached();
    let cache = cache.max_capacity(100);
    for number in 0..100 {
        database.set(&key(number), Some(number));
        version(&cache, key(number)).await.unwrap();
    }
    for made_up in 1_000..3_000 {
        assert_eq!(version(&cache, key(made_up)).await.unwrap(), None);
    }
    database.asked();
    for number in 0..100 {
        assert_eq!(version(&cache, key(number)).await.unwrap(), Some(number));
    }
    assert_eq!(database.asked(), 0);
}

#[tokio::test]
async fn entries_are_bounded() {
    let (cache, database) = cached();
    let cache = cache.max_capacity(100);
    for round in 0..2 {
        for number in 0..4_000 {
            database.set(&key(number), (number % 4 < 2).then_some(number));
            version(&cache, key(number)).await.unwrap();
        }
        let asked = database.asked();
        // What was written last may be over the bound for a moment.
        assert!(asked >= 3_000, "round {round}: {} of 4,000 were kept", 4_000 - asked);
    }
}

#[derive(Debug, Clone)]
enum Step {
    LookUp(u64),
    Set(u64, bool),
    Invalidate(u64),
    InvalidateAll,
    SetDown(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u64).prop_map(Step::LookUp),
        2 => (0..4_u64, any::<bool>()).prop_map(|(number, is_known)| Step::Set(number, is_known)),
        1 => (0..4_u64).prop_map(Step::Invalidate),
        1 => Just(Step::InvalidateAll),
        1 => any::<bool>().prop_map(Step::SetDown),
    ]
}

proptest! {
    #![proptest_config(cases(32))]

    /// The cache against a model that remembers the last answer about each key until it is invalidated.
    #[test]
    fn answers_are_those_of_the_last_lookup(steps in prop::collection::vec(step(), 1..60)) {
        let (cache, database) = cached();
        let mut kept: HashMap<u64, Option<u64>> = HashMap::new();
        let (mut is_down, mut versions) = (false, HashMap::<u64, u64>::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (at, step) in (0..).zip(steps) {
            match step {
                Step::LookUp(number) => {
                    let is_kept = kept.contains_key(&number);
                    let expected = match kept.get(&number) {
                        Some(answer) => Ok(*answer),
                        None if is_down => Err(()),
                        None => Ok(*kept.entry(number).or_insert(versions.get(&number).copied())),
                    };
                    let found = runtime.block_on(version(&cache, key(number)));
                    prop_assert_eq!(found.map_err(drop), expected);
                    prop_assert_eq!(database.asked() == 0, is_kept);
                }
                Step::Set(number, is_known) => {
                    database.set(&key(number), is_known.then_some(at));
                    match is_known {
                        true => versions.insert(number, at),
                        false => versions.remove(&number),
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
                Step::SetDown(whether) => {
                    database.is_down.store(whether, Ordering::SeqCst);
                    is_down = whether;
                }
            }
        }
    }
}
