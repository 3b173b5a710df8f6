//! Where keys come from, and whom a request is then taken for.

use std::{
    fmt,
    future::{Ready, ready},
    io,
    sync::Arc,
};

use axum::{Extension, Router, body::Body, extract::Path, response::IntoResponse, routing::get};
use http::{Request, StatusCode};
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt;
use tower_logentries_auth::{
    Access, ApiKey, ApiKeyDigest, Identity, Credentials, KeyStore, LogentriesVerifyLayer, OwnerKey, Rejection,
    server::{MemoryKeyStore, PresentedKey, StoredKey},
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS, credentials, hyper_client,
    server::serve,
    verifying::{TestRequest, present, verifier, verifier_with, with_api_key},
    with_timeout,
};

/// Whom the layer takes the sender of this request for.
async fn sender<K: KeyStore>(
    layer: &LogentriesVerifyLayer<K>,
    request: Request<Body>,
) -> Result<Identity, Rejection> {
    present(layer, request).await.map(|request| request.extensions().get().cloned().unwrap())
}

/// A store that finds the same for everything that is presented.
fn always(found: StoredKey) -> impl Fn(PresentedKey) -> Ready<Result<Option<StoredKey>, io::Error>> {
    move |_| ready(Ok(Some(found.clone())))
}

fn owner_key(key: &str) -> OwnerKey {
    OwnerKey::new(KEY_ID, key).unwrap()
}

/// The keys of acme, of which it has two owner keys under one id; and of globex.
fn accounts() -> MemoryKeyStore {
    let mut accounts = MemoryKeyStore::new();
    accounts.insert("acme", &credentials()).unwrap();
    accounts.insert("acme", &Credentials::owner(KEY_ID, "acme-next-key").unwrap()).unwrap();
    let globex = Credentials::owner("globex-id", "globex-key").and_then(|keys| keys.with_read_write("globex-rw"));
    accounts.insert("globex", &globex.unwrap()).unwrap();
    accounts
}

/// Each key that is kept takes a hash of each wrong signature.
#[tokio::test]
async fn owner_key_inserted_again_is_kept_once() {
    let mut accounts = accounts();
    for _ in 0..3 {
        accounts.insert("acme", &credentials()).unwrap();
    }
    let known = accounts.lookup(PresentedKey::OwnerKeyId(KEY_ID.into())).await.unwrap().unwrap();
    assert_eq!(format!("{known:?}").matches("OwnerKey {").count(), 2, "{known:?}");
}

#[tokio::test]
async fn credentials_name_no_principal() {
    let by_owner = sender(&verifier(), TestRequest::CREATE.request()).await.unwrap();
    assert_eq!((by_owner.access, by_owner.key_id.as_deref()), (Access::Owner, Some(KEY_ID)));
    assert_eq!(by_owner.account, None);

    let by_key = sender(&verifier(), with_api_key("GET", LOGS, READ_ONLY_KEY)).await.unwrap();
    assert_eq!((by_key.access, by_key.key_id, by_key.account), (Access::ReadOnly, None, None));
    let by_key = sender(&verifier(), with_api_key("GET", LOGS, READ_WRITE_KEY)).await.unwrap();
    assert_eq!(by_key.access, Access::ReadWrite, "what it gives, not what the resource takes");
}

#[tokio::test]
async fn every_key_of_an_id_verifies() {
    let layer = verifier_with(always(StoredKey::owner([owner_key("old"), owner_key(OWNER_KEY), owner_key("new")])));
    for key in ["old", OWNER_KEY, "new"] {
        let who = sender(&layer, TestRequest { key, ..TestRequest::CREATE }.request()).await.unwrap();
        assert_eq!(who.key_id.as_deref(), Some(KEY_ID));
    }
    let rejection = sender(&layer, TestRequest { key: "retired", ..TestRequest::CREATE }.request()).await.unwrap_err();
    assert!(matches!(rejection, Rejection::InvalidSignature(_)), "{rejection:?}");
}

#[tokio::test]
async fn owner_key_with_another_id_is_unknown() {
    let layer = verifier_with(always(StoredKey::owner([OwnerKey::new("another-id", OWNER_KEY).unwrap()])));
    let rejection = sender(&layer, TestRequest::CREATE.request()).await.unwrap_err();
    assert!(matches!(rejection, Rejection::UnknownKey), "{rejection:?}");
}

#[tokio::test]
async fn key_kinds_do_not_substitute() {
    let only_an_api_key = verifier_with(always(StoredKey::api_key(Access::ReadWrite)));
    assert!(matches!(sender(&only_an_api_key, TestRequest::CREATE.request()).await, Err(Rejection::UnknownKey)));
    let only_an_owner_key = verifier_with(always(StoredKey::owner([owner_key(OWNER_KEY)])));
    let by_api_key = with_api_key("GET", LOGS, READ_ONLY_KEY);
    assert!(matches!(sender(&only_an_owner_key, by_api_key).await, Err(Rejection::UnknownKey)));
}

#[tokio::test]
async fn api_key_never_grants_owner() {
    let layer = verifier_with(always(StoredKey::api_key(Access::Owner).with_id("key 7").with_account("acme")));
    match sender(&layer, with_api_key("GET", USERS, "any")).await.unwrap_err() {
        Rejection::Forbidden { required, granted, .. } => {
            assert_eq!((required, granted), (Access::Owner, Access::ReadWrite))
        }
        rejection => panic!("{rejection:?}"),
    }
    let who = sender(&layer, with_api_key("GET", TEAMS, "any")).await.unwrap();
    assert_eq!((who.key_id.as_deref(), who.account.as_deref()), (Some("key 7"), Some("acme")));
}

#[tokio::test]
async fn owner_key_grants_everything() {
    for target in [LOGS, TEAMS, USERS] {
        assert_eq!(
            sender(&verifier(), TestRequest { target, ..TestRequest::LIST }.request()).await.unwrap().access,
            Access::Owner
        );
    }
}

#[tokio::test]
async fn store_receives_id_or_digest() {
    let (show, mut shown) = mpsc::unbounded_channel();
    let layer = verifier_with(move |presented: PresentedKey| {
        show.send(presented.clone()).unwrap();
        credentials().lookup(presented)
    });
    sender(&layer, TestRequest::CREATE.request()).await.unwrap();
    sender(&layer, with_api_key("GET", LOGS, READ_ONLY_KEY)).await.unwrap();

    assert_eq!(with_timeout(shown.recv()).await.unwrap(), PresentedKey::OwnerKeyId(KEY_ID.into()));
    let presented = with_timeout(shown.recv()).await.unwrap();
    assert_eq!(presented, PresentedKey::ApiKey(ApiKey::new(READ_ONLY_KEY).unwrap().digest()));
    assert_eq!(presented, PresentedKey::ApiKey(ApiKeyDigest::of(READ_ONLY_KEY)));
    assert!(!format!("{presented:?}").contains(READ_ONLY_KEY));
}

/// A look-up that waits until it is let go on.
#[derive(Clone)]
struct Gated {
    asked: mpsc::UnboundedSender<()>,
    gate: Arc<Semaphore>,
}

impl KeyStore for Gated {
    type Error = fmt::Error;
    type Future = futures_util::future::BoxFuture<'static, Result<Option<StoredKey>, fmt::Error>>;

    fn lookup(&self, presented: PresentedKey) -> Self::Future {
        let Self { asked, gate } = self.clone();
        Box::pin(async move {
            asked.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Ok(credentials().lookup(presented).await.unwrap())
        })
    }
}

#[tokio::test]
async fn lookups_are_asynchronous() {
    let (asked, mut asking) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let app = Router::new().route(USERS, get(|| async { "[]" }));
    let origin = serve(app.layer(verifier_with(Gated { asked, gate: Arc::clone(&gate) }))).await;

    let pending: Vec<_> =
        (0..3).map(|_| tokio::spawn(hyper_client().oneshot(TestRequest::LIST.request_to(&origin)))).collect();
    for _ in &pending {
        with_timeout(asking.recv()).await.unwrap();
    }
    assert!(pending.iter().all(|request| !request.is_finished()), "each waits for its own look-up");
    gate.add_permits(pending.len());
    for request in pending {
        assert_eq!(with_timeout(request).await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn failed_lookup_is_503() {
    let layer = verifier_with(|_| ready(Err::<Option<StoredKey>, _>(io::Error::other("no connection"))));
    for request in [TestRequest::CREATE.request(), with_api_key("GET", LOGS, READ_ONLY_KEY)] {
        let rejection = present(&layer, request).await.unwrap_err();
        assert_eq!(rejection.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn memory_store_names_the_principal() {
    let layer = verifier_with(accounts());
    for (request, account) in [
        (TestRequest::LIST.request(), "acme"),
        (TestRequest { key: "acme-next-key", ..TestRequest::LIST }.request(), "acme"),
        (with_api_key("GET", LOGS, READ_ONLY_KEY), "acme"),
        (TestRequest { key_id: "globex-id", key: "globex-key", ..TestRequest::LIST }.request(), "globex"),
        (with_api_key("GET", LOGS, "globex-rw"), "globex"),
    ] {
        let who = sender(&layer, request).await.unwrap();
        assert_eq!(who.account.as_deref(), Some(account));
    }
    let crossed = TestRequest { key_id: "globex-id", ..TestRequest::LIST };
    assert!(matches!(sender(&layer, crossed.request()).await, Err(Rejection::InvalidSignature(_))));
    assert!(matches!(sender(&layer, with_api_key("GET", LOGS, "nobody's")).await, Err(Rejection::UnknownKey)));
}

#[tokio::test]
async fn duplicate_key_is_an_error() {
    let mut accounts = accounts();
    for taken in [
        Credentials::owner(KEY_ID, "a-key-of-its-own"),
        Credentials::read_only(READ_ONLY_KEY),
        Credentials::read_write("fresh").and_then(|keys| keys.with_read_only("globex-rw")),
    ] {
        let error = accounts.insert("initech", &taken.unwrap()).unwrap_err();
        assert!(error.to_string().contains(r#""initech""#), "{error}");
    }
    let fresh = sender(&verifier_with(accounts), with_api_key("GET", LOGS, "fresh")).await;
    assert!(matches!(fresh, Err(Rejection::UnknownKey)), "of a set with one taken key none is added: {fresh:?}");
}

#[tokio::test]
async fn reinserting_an_api_key_updates_access() {
    let mut accounts = accounts();
    accounts.insert("globex", &Credentials::read_only("globex-rw").unwrap()).unwrap();
    let who = sender(&verifier_with(accounts), with_api_key("GET", LOGS, "globex-rw")).await.unwrap();
    assert_eq!(who.access, Access::ReadOnly);
}

/// Lists the users of an account, to that account alone.
async fn list_users(Path(account): Path<String>, Extension(who): Extension<Identity>) -> impl IntoResponse {
    match who.account.as_deref() == Some(&*account) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

#[tokio::test]
async fn handler_separates_tenants_by_principal() {
    let app = Router::new().route("/management/accounts/{account}/users", get(list_users));
    let origin = serve(app.layer(verifier_with(accounts()))).await;
    for (account, status) in [("acme", 200), ("globex", 404)] {
        let target = format!("/management/accounts/{account}/users");
        let by_acme = TestRequest { target: &target, ..TestRequest::LIST };
        let response = hyper_client().oneshot(by_acme.request_to(&origin)).await.unwrap();
        assert_eq!(response.status(), status, "{account}");
    }
}
