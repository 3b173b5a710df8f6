//! To which account a request is attributed.

use std::convert::Infallible;

use tower_logentries_auth::{
    Access, Identity, OwnerKey, Rejection,
    server::{PresentedKey, StoredKey},
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY,
    verifying::{TestRequest, present, verifier_with, with_api_key},
    whole_error,
};

/// A store that has the same for every key.
fn always(stored: StoredKey) -> impl Fn(PresentedKey) -> std::future::Ready<Result<Option<StoredKey>, Infallible>> {
    move |_| std::future::ready(Ok(Some(stored.clone())))
}

fn key_of(account: &str, text: &str) -> OwnerKey {
    OwnerKey::new(KEY_ID, text).unwrap().with_account(account).with_label(format!("{account}'s"))
}

#[tokio::test]
async fn principal_is_that_of_the_signing_key() {
    let layer = verifier_with(always(StoredKey::owner([key_of("globex", "globex-key"), key_of("acme", OWNER_KEY)])));
    for (key, account) in [("globex-key", "globex"), (OWNER_KEY, "acme")] {
        let request = present(&layer, TestRequest { key, ..TestRequest::CREATE }.request()).await.unwrap();
        let identity = request.extensions().get::<Identity>().unwrap();
        assert_eq!(identity.account.as_deref(), Some(account));
        assert_eq!(identity.key_label.as_deref(), Some(&*format!("{account}'s")));
    }
}

#[tokio::test]
async fn key_without_principal_has_none() {
    let bare = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    let layer = verifier_with(always(StoredKey::owner([key_of("globex", "globex-key"), bare])));
    let request = present(&layer, TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(request.extensions().get::<Identity>().unwrap().account, None);
}

#[tokio::test]
async fn principal_for_several_owner_keys_is_a_store_error() {
    let keys = [OwnerKey::new(KEY_ID, "globex-key").unwrap(), key_of("acme", OWNER_KEY)];
    let layer = verifier_with(always(StoredKey::owner(keys).with_account("globex")));
    let rejection = present(&layer, TestRequest::CREATE.request()).await.unwrap_err();
    assert!(matches!(rejection, Rejection::KeyStoreUnavailable { .. }), "{rejection:?}");
    assert!(whole_error(&rejection).contains("use `OwnerKey::with_account`"), "{rejection:?}");

    let api_key = verifier_with(always(StoredKey::api_key(Access::ReadOnly).with_account("globex")));
    let request = present(&api_key, with_api_key("GET", LOGS, "any")).await.unwrap();
    assert_eq!(request.extensions().get::<Identity>().unwrap().account.as_deref(), Some("globex"));
}
