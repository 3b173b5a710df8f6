//! What a layer makes of the answers of a store.

use std::{convert::Infallible, io, sync::Arc};

use axum::{Router, routing::get};
use futures_util::future::ready;
use http::StatusCode;
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt;
use tower_logentries_auth::{
    Access, ApiKeyDigest, Credentials, KeyStore, OwnerKey,
    server::{PresentedKey, Reason, StoredApiKey, key_store_fn},
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS, credentials, hyper_client,
    server::serve,
    verifying::{TestRequest, always, failing, identity, present, telling, verifier, verifier_with, with_api_key},
    whole_error, with_timeout,
};

fn owner_key(key: &str) -> OwnerKey {
    OwnerKey::new(KEY_ID, key).unwrap()
}

#[tokio::test]
async fn credentials_name_no_account() {
    let by_owner = identity(&verifier(), TestRequest::CREATE.request()).await.unwrap();
    assert_eq!((by_owner.access, by_owner.key_id.as_deref()), (Access::Owner, Some(KEY_ID)));
    assert_eq!(by_owner.account, None);

    let by_key = identity(&verifier(), with_api_key("GET", LOGS, READ_ONLY_KEY)).await.unwrap();
    assert_eq!((by_key.access, by_key.key_id, by_key.account), (Access::ReadOnly, None, None));
    let by_key = identity(&verifier(), with_api_key("GET", LOGS, READ_WRITE_KEY)).await.unwrap();
    assert_eq!(by_key.access, Access::ReadWrite, "what it grants, not what the resource requires");
}

#[tokio::test]
async fn every_key_of_an_id_verifies() {
    let layer = verifier_with(always(["old", OWNER_KEY, "new"].map(owner_key), None));
    for key in ["old", OWNER_KEY, "new"] {
        identity(&layer, TestRequest { key, ..TestRequest::CREATE }.request()).await.unwrap();
    }
    let retired = TestRequest { key: "retired", ..TestRequest::CREATE };
    let rejection = identity(&layer, retired.request()).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::InvalidSignature(_)), "{rejection:?}");
}

/// A careless store answers with the keys of everybody.
#[tokio::test]
async fn owner_key_with_another_id_is_ignored() {
    let others = || OwnerKey::new("another-id", OWNER_KEY).unwrap();
    for (keys, is_known) in [(vec![others()], false), (vec![], false), (vec![others(), owner_key("mine")], true)] {
        let rejection = identity(&verifier_with(always(keys, None)), TestRequest::CREATE.request()).await.unwrap_err();
        assert_eq!(rejection.kind(), if is_known { "invalid_signature" } else { "unknown_key" });
    }
}

#[tokio::test]
async fn api_key_never_grants_owner() {
    let layer = verifier_with(always([], Some(StoredApiKey::new(Access::Owner))));
    let rejection = identity(&layer, with_api_key("GET", USERS, "any")).await.unwrap_err();
    let Reason::Forbidden { required, granted, .. } = rejection.reason() else { panic!("{rejection:?}") };
    assert_eq!((*required, *granted), (Access::Owner, Access::ReadWrite));
    identity(&layer, with_api_key("GET", TEAMS, "any")).await.unwrap();
}

#[tokio::test]
async fn owner_key_grants_everything() {
    for target in [LOGS, TEAMS, USERS] {
        let request = TestRequest { target, ..TestRequest::LIST }.request();
        assert_eq!(identity(&verifier(), request).await.unwrap().access, Access::Owner);
    }
}

#[tokio::test]
async fn store_is_asked_once_with_the_id_or_the_digest() {
    let (show, mut shown) = mpsc::unbounded_channel();
    let layer = verifier_with(telling(move |key| show.send(key).unwrap()));
    identity(&layer, TestRequest::CREATE.request()).await.unwrap();
    identity(&layer, with_api_key("GET", LOGS, READ_ONLY_KEY)).await.unwrap();
    assert_eq!(with_timeout(shown.recv()).await.unwrap(), PresentedKey::OwnerKeyId(KEY_ID.into()));
    assert_eq!(with_timeout(shown.recv()).await.unwrap(), PresentedKey::ApiKey(ApiKeyDigest::of(READ_ONLY_KEY)));
    assert!(shown.is_empty());
}

/// A rejection names the key that was presented, whether it is known or not, but not its secret.
#[tokio::test]
async fn rejection_names_the_presented_key() {
    let unknown = TestRequest { key_id: "nobody", ..TestRequest::CREATE };
    for (request, key) in [
        (unknown.request(), PresentedKey::OwnerKeyId("nobody".into())),
        (with_api_key("GET", LOGS, "nobody's"), PresentedKey::ApiKey(ApiKeyDigest::of("nobody's"))),
    ] {
        let rejection = identity(&verifier(), request).await.unwrap_err();
        assert_eq!((rejection.key(), rejection.identity()), (Some(&key), None));
    }
}

#[tokio::test]
async fn lookups_are_asynchronous() {
    let (asked, mut asking) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let store = key_store_fn(
        (asked, Arc::clone(&gate)),
        |(asked, gate): (mpsc::UnboundedSender<()>, Arc<Semaphore>), id| async move {
            asked.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            credentials().owner_keys(id).await
        },
        |_, digest| async move { credentials().api_key(digest).await },
    );
    let app = Router::new().route(USERS, get(|| async { "[]" })).layer(verifier_with(store));
    let origin = serve(app).await;

    let pending: Vec<_> =
        (0..3).map(|_| tokio::spawn(hyper_client().oneshot(TestRequest::LIST.request_to(&origin)))).collect();
    for _ in &pending {
        with_timeout(asking.recv()).await.unwrap();
    }
    assert!(pending.iter().all(|request| !request.is_finished()), "each waits for its own lookup");
    gate.add_permits(pending.len());
    for request in pending {
        assert_eq!(with_timeout(request).await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn failed_lookup_is_503_with_its_cause_and_key() {
    let layer = verifier_with(failing("no connection"));
    for request in [TestRequest::CREATE.request(), with_api_key("GET", LOGS, READ_ONLY_KEY)] {
        let rejection = present(&layer, request).await.unwrap_err();
        assert_eq!(rejection.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(whole_error(&rejection).contains("no connection"), "{rejection:?}");
        assert!(rejection.key().is_some());
    }
}

/// Two async functions over a database that is cloned into each call, whose errors are any that box.
#[tokio::test]
async fn functions_are_a_store() {
    #[derive(Clone)]
    struct Database;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    async fn owner_keys(_: Database, id: Arc<str>) -> Result<Vec<OwnerKey>, Error> {
        if &*id == "down" {
            return Err(io::Error::other("no connection").into());
        }
        let key = OwnerKey::new(&id, OWNER_KEY)?.with_account("acme");
        Ok(if &*id == KEY_ID { vec![key] } else { vec![] })
    }
    async fn api_key(_: Database, digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, Error> {
        let row = (digest.to_text() == ApiKeyDigest::of("known").to_text()).then_some("read/write");
        row.map(|access| Ok(StoredApiKey::new(access.parse()?))).transpose()
    }

    let layer = verifier_with(Arc::new(key_store_fn(Database, owner_keys, api_key)));
    let who = identity(&layer, TestRequest::LIST.request()).await.unwrap();
    assert_eq!(who.account.as_deref(), Some("acme"));
    identity(&layer, with_api_key("POST", TEAMS, "known")).await.unwrap();
    for (request, status) in [
        (TestRequest { key_id: "nobody", ..TestRequest::LIST }.request(), 401),
        (with_api_key("GET", LOGS, "unknown"), 401),
        (TestRequest { key_id: "down", ..TestRequest::LIST }.request(), 503),
    ] {
        assert_eq!(identity(&layer, request).await.unwrap_err().status(), status);
    }
}

/// The futures of a store need not be `Send` if those of the server are not.
#[tokio::test]
async fn futures_may_be_local() {
    let keys = std::rc::Rc::new(credentials());
    let store = key_store_fn(
        keys,
        |keys: std::rc::Rc<Credentials>, id: Arc<str>| async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(keys.owner_key().filter(|key| key.id() == &*id).cloned().into_iter().collect())
        },
        |_, _| ready(Ok(None)),
    );
    identity(&verifier_with(store), TestRequest::LIST.request()).await.unwrap();
}
