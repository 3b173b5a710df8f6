//! `MemoryKeyStore`: labels, ids, accounts, and keys that come and go while a layer uses them.

use tower_logentries_auth::{
    Access, ApiKeyDigest, Credentials, Identity, KeyStore, OwnerKey,
    server::{MemoryKeyStore, Reason, StoredApiKey},
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, credentials,
    verifying::{TestRequest, identity, verifier_with, with_api_key},
};

/// The keys of acme, of which it has two owner keys under one id; and of globex.
pub(super) fn two_accounts() -> MemoryKeyStore {
    let keys = MemoryKeyStore::new();
    keys.insert("acme", &credentials()).unwrap();
    keys.insert_owner_key("acme", owner_key("acme-next-key", "next")).unwrap();
    let globex = Credentials::owner("globex-id", "globex-key").and_then(|keys| keys.with_read_write("globex-rw"));
    keys.insert("globex", &globex.unwrap()).unwrap();
    keys
}

fn owner_key(key: &str, label: &str) -> OwnerKey {
    OwnerKey::new(KEY_ID, key).unwrap().with_label(label)
}

/// Who a signature by this key is from, if it is known.
async fn signer(keys: &MemoryKeyStore, key_id: &str, key: &str) -> Option<Identity> {
    identity(&verifier_with(keys.clone()), TestRequest { key_id, key, ..TestRequest::LIST }.request()).await.ok()
}

async fn sender(keys: &MemoryKeyStore, key: &str) -> Option<Identity> {
    identity(&verifier_with(keys.clone()), with_api_key("GET", LOGS, key)).await.ok()
}

#[tokio::test]
async fn every_key_has_its_account() {
    let keys = two_accounts();
    for (key_id, key, account) in [
        (KEY_ID, OWNER_KEY, Some("acme")),
        (KEY_ID, "acme-next-key", Some("acme")),
        ("globex-id", "globex-key", Some("globex")),
        ("globex-id", OWNER_KEY, None),
    ] {
        let who = signer(&keys, key_id, key).await;
        assert_eq!(who.and_then(|who| who.account).as_deref(), account, "{key_id} {key}");
    }
    for (key, account) in [(READ_ONLY_KEY, Some("acme")), ("globex-rw", Some("globex")), ("nobody's", None)] {
        assert_eq!(sender(&keys, key).await.and_then(|who| who.account).as_deref(), account, "{key}");
    }
}

#[tokio::test]
async fn label_of_an_owner_key_and_id_of_an_api_key_are_in_the_identity() {
    let keys = two_accounts();
    let dashboard = StoredApiKey::new(Access::ReadOnly).with_id("dashboard").with_account("whose?");
    keys.insert_api_key("globex", ApiKeyDigest::of("globex-ro"), dashboard).unwrap();
    assert_eq!(signer(&keys, KEY_ID, "acme-next-key").await.unwrap().key_label.as_deref(), Some("next"));
    let who = sender(&keys, "globex-ro").await.unwrap();
    assert_eq!((who.access, who.key_id.as_deref()), (Access::ReadOnly, Some("dashboard")));
    assert_eq!(who.account.as_deref(), Some("globex"), "where it was inserted");
}

/// Each key that is kept takes a hash of each wrong signature.
#[tokio::test]
async fn owner_key_inserted_again_is_kept_once_with_its_new_label() {
    let keys = two_accounts();
    for label in ["1", "2", "3"] {
        keys.insert_owner_key("acme", owner_key(OWNER_KEY, label)).unwrap();
    }
    assert_eq!(keys.owner_keys(KEY_ID.into()).await.unwrap().len(), 2);
    assert_eq!(signer(&keys, KEY_ID, OWNER_KEY).await.unwrap().key_label.as_deref(), Some("3"));
}

#[tokio::test]
async fn api_key_inserted_again_gets_the_new_access() {
    let keys = two_accounts();
    keys.insert("globex", &Credentials::read_only("globex-rw").unwrap()).unwrap();
    assert_eq!(sender(&keys, "globex-rw").await.unwrap().access, Access::ReadOnly);
    let stored = StoredApiKey::new(Access::Owner);
    keys.insert_api_key("globex", ApiKeyDigest::of("globex-rw"), stored).unwrap();
    assert_eq!(sender(&keys, "globex-rw").await.unwrap().access, Access::ReadWrite, "the most that one can grant");
}

#[tokio::test]
async fn key_of_another_account_is_an_error_and_nothing_is_added() {
    let keys = two_accounts();
    for taken in [
        Credentials::owner(KEY_ID, "a-key-of-its-own"),
        Credentials::read_only(READ_ONLY_KEY),
        Credentials::read_write("fresh").and_then(|keys| keys.with_read_only("globex-rw")),
        Credentials::owner(KEY_ID, "fresh").and_then(|keys| keys.with_read_only("fresh")),
    ] {
        keys.insert("initech", &taken.unwrap()).unwrap_err();
    }
    keys.insert_owner_key("initech", owner_key(OWNER_KEY, "mine")).unwrap_err();
    let mine = StoredApiKey::new(Access::ReadWrite).with_account("acme");
    keys.insert_api_key("initech", ApiKeyDigest::of(READ_WRITE_KEY), mine).unwrap_err();
    assert_eq!(sender(&keys, "fresh").await, None);
    assert_eq!(sender(&keys, READ_WRITE_KEY).await.unwrap().account.as_deref(), Some("acme"));
    assert_eq!(signer(&keys, KEY_ID, "a-key-of-its-own").await, None);
}

/// A rotation: both keys are valid, and then the new one alone, whose account stays the same.
#[tokio::test]
async fn single_keys_are_removed() {
    let keys = two_accounts();
    assert!(!keys.remove_owner_key(KEY_ID, Some("unheard of")));
    assert!(!keys.remove_owner_key("unheard of", None));
    assert!(keys.remove_owner_key(KEY_ID, None));
    assert!(!keys.remove_owner_key(KEY_ID, None));
    assert_eq!(signer(&keys, KEY_ID, OWNER_KEY).await, None);
    assert!(signer(&keys, KEY_ID, "acme-next-key").await.is_some());
    keys.insert_owner_key("globex", owner_key("another-key", "1")).unwrap_err();

    assert!(keys.remove_owner_key(KEY_ID, Some("next")));
    assert!(keys.owner_keys(KEY_ID.into()).await.unwrap().is_empty());
    keys.insert_owner_key("globex", owner_key("another-key", "1")).expect("the id is free");

    let digest = ApiKeyDigest::of(READ_ONLY_KEY);
    assert!(keys.remove_api_key(&digest));
    assert!(!keys.remove_api_key(&digest));
    assert_eq!((sender(&keys, READ_ONLY_KEY).await, keys.api_key(digest).await.unwrap()), (None, None));
    assert!(sender(&keys, READ_WRITE_KEY).await.is_some());
}

#[tokio::test]
async fn removed_account_is_unknown_to_a_layer_in_use() {
    let keys = two_accounts();
    let layer = verifier_with(keys.clone());
    identity(&layer, TestRequest::LIST.request()).await.unwrap();
    keys.remove("acme");
    for request in [TestRequest::LIST.request(), with_api_key("GET", LOGS, READ_WRITE_KEY)] {
        let rejection = identity(&layer, request).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::UnknownKey), "{rejection:?}");
    }
    assert!(signer(&keys, "globex-id", "globex-key").await.is_some());
    keys.insert("initech", &credentials()).expect("its keys are free");
}
