//! To which account a request is attributed.

use axum::{Extension, Router, extract::Path, response::IntoResponse, routing::get};
use http::StatusCode;
use tower::ServiceExt;
use tower_logentries_auth::{Access, Identity, OwnerKey, server::StoredApiKey};

use super::memory::two_accounts;
use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, hyper_client,
    server::serve,
    verifying::{TestRequest, always, identity, verifier_with, with_api_key},
};

fn key_of(account: &str, text: &str) -> OwnerKey {
    OwnerKey::new(KEY_ID, text).unwrap().with_account(account).with_label(format!("{account}'s"))
}

#[tokio::test]
async fn account_and_label_are_those_of_the_signing_key() {
    let bare = OwnerKey::new(KEY_ID, "bare-key").unwrap();
    let keys = [key_of("globex", "globex-key"), key_of("acme", OWNER_KEY), bare];
    let layer = verifier_with(always(keys, None));
    for (key, account) in [("globex-key", Some("globex")), (OWNER_KEY, Some("acme")), ("bare-key", None)] {
        let who = identity(&layer, TestRequest { key, ..TestRequest::CREATE }.request()).await.unwrap();
        assert_eq!((who.access, who.key_id.as_deref()), (Access::Owner, Some(KEY_ID)));
        assert_eq!(who.account.as_deref(), account);
        assert_eq!(who.key_label, account.map(|account| format!("{account}'s").into()));
    }
}

#[tokio::test]
async fn account_and_id_of_an_api_key_are_those_of_the_store() {
    let key = StoredApiKey::new(Access::ReadOnly).with_id("dashboard").with_account("globex");
    let layer = verifier_with(always([], Some(key)));
    let who = identity(&layer, with_api_key("GET", LOGS, "any")).await.unwrap();
    assert_eq!((who.key_id.as_deref(), who.account.as_deref()), (Some("dashboard"), Some("globex")));
    assert_eq!((who.access, who.key_label), (Access::ReadOnly, None));
}

/// Lists the users of an account, to that account alone.
async fn list_users(Path(account): Path<String>, Extension(who): Extension<Identity>) -> impl IntoResponse {
    if who.account.as_deref() == Some(&*account) { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

#[tokio::test]
async fn handler_separates_accounts() {
    let app = Router::new().route("/management/accounts/{account}/users", get(list_users));
    let origin = serve(app.layer(verifier_with(two_accounts()))).await;
    for (account, status) in [("acme", 200), ("globex", 404)] {
        let target = format!("/management/accounts/{account}/users");
        let by_acme = TestRequest { target: &target, ..TestRequest::LIST };
        let response = hyper_client().oneshot(by_acme.request_to(&origin)).await.unwrap();
        assert_eq!(response.status(), status, "{account}");
    }
}
