//! Accounts, and their keys.

use http::StatusCode;

use crate::support::{Database, account, json, service::LOGS, with_timeout};

#[tokio::test]
async fn accounts_are_isolated() {
    let (database, acme, globex) = (Database::new(), account("acme"), account("globex"));
    let acme_key = database.add_api_key(&acme, "w", "read/write").await;
    let globex_key = database.add_api_key(&globex, "w", "read/write").await;
    let acme_owner = database.add_owner_key(&acme, "2026").await.credentials();
    let service = database.serve(&[]).await;
    assert_eq!(service.create_log(&acme_key, "acme's web").await, StatusCode::CREATED);
    assert_eq!(service.create_log(&globex_key, "globex's web").await, StatusCode::CREATED);
    for (key, logs) in [(&acme_key, r#"["acme's web"]"#), (&globex_key, r#"["globex's web"]"#)] {
        let (status, text) = service.get_with(LOGS, key).await;
        assert_eq!((status, &json(&text)["logs"]), (StatusCode::OK, &json(logs)));
    }
    for (id, shown, created) in
        [(&acme, StatusCode::OK, StatusCode::CREATED), (&globex, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)]
    {
        assert_eq!(service.show_account(&acme_owner, id).await.0, shown);
        let users = format!("/management/accounts/{id}/users");
        assert_eq!(service.send_signed(&acme_owner, "POST", &users, r#"{"name":"jane"}"#).await.0, created);
        assert_eq!(service.send_signed(&acme_owner, "GET", &users, "").await.0, shown);
    }
}

#[tokio::test]
async fn key_grants_its_access() {
    let (database, acme) = (Database::new(), account("acme"));
    let read_only = database.add_api_key(&acme, "reports", "read-only").await;
    let service = database.serve(&[]).await;
    assert_eq!(service.get_with(LOGS, &read_only).await.0, StatusCode::OK);
    assert_eq!(service.create_log(&read_only, "web").await, StatusCode::FORBIDDEN);
    let show = service.get_with(&format!("/management/accounts/{acme}"), &read_only).await;
    assert_eq!(show.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn key_that_cannot_be_added_is_not_printed() {
    let (database, acme) = (Database::new(), account("acme"));
    database.add_api_key(&acme, "reports", "read-only").await;
    for (label, access) in [("reports", "read-only"), ("another", "owner"), ("another", "all")] {
        let ran = database.run(&["add-api-key", &acme, "--label", label, "--access", access]).await;
        assert!(ran.code != Some(0) && ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:?}");
    }
}

#[tokio::test]
async fn rotating_owner_keys_are_told_apart() {
    let (database, acme) = (Database::new(), account("acme"));
    let old = database.add_owner_key(&acme, "old").await.credentials();
    let service = database.serve(&["--revocation-secs", "1"]).await;
    let signed_with = |text: &str| json(text)["account"]["signed_with"].as_str().unwrap().to_owned();
    let (status, text) = service.show_account(&old, &acme).await;
    assert_eq!((status, &*signed_with(&text)), (StatusCode::OK, "old"));

    let new = database.add_owner_key(&acme, "new").await.credentials();
    // The id is cached since before the new key was added.
    with_timeout(async { while service.show_account(&new, &acme).await.0 != StatusCode::OK {} }).await;
    for (credentials, label) in [(&old, "old"), (&new, "new")] {
        let (status, text) = service.show_account(credentials, &acme).await;
        assert_eq!((status, &*signed_with(&text)), (StatusCode::OK, label));
    }
    assert_eq!(database.revoke(&acme, "old").await.code, Some(0));
    with_timeout(async { while service.show_account(&old, &acme).await.0 != StatusCode::UNAUTHORIZED {} }).await;
    let (status, text) = service.show_account(&new, &acme).await;
    assert_eq!((status, &*signed_with(&text)), (StatusCode::OK, "new"));
}

#[tokio::test]
async fn revocation_takes_effect_after_the_time_to_live() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let slow = database.serve(&["--revocation-secs", "3600"]).await;
    let quick = database.serve(&["--revocation-secs", "1"]).await;
    for service in [&slow, &quick] {
        assert_eq!(service.get_with(LOGS, &key).await.0, StatusCode::OK);
    }
    assert_eq!(database.revoke(&acme, "reports").await.code, Some(0));
    assert_eq!(database.revoke(&acme, "reports").await.code, Some(1));
    with_timeout(async { while quick.get_with(LOGS, &key).await.0 != StatusCode::UNAUTHORIZED {} }).await;
    assert_eq!(slow.get_with(LOGS, &key).await.0, StatusCode::OK);
}
