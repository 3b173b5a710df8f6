//! What its operators see of it: metrics, logs, timeouts, failures and its end.

use std::fs;

use axum::body::Body;
use http::StatusCode;
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_logentries_auth::Credentials;

use crate::support::{Database, account, http_client, json, service::LOGS, service::capture, with_timeout};

#[tokio::test]
async fn public_routes_take_no_key() {
    let service = Database::new().serve(&["--allow-origin", "https://app.example"]).await;
    assert_eq!(service.get("/health").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(service.get("/no/such/route").await.0, StatusCode::NOT_FOUND);

    let preflight = service.request("OPTIONS", LOGS).header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    let preflight = preflight.header("access-control-request-headers", "x-api-key").body(Body::empty()).unwrap();
    let response = with_timeout(http_client().request(preflight)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
}

#[tokio::test]
async fn requests_are_counted_by_key_and_result() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let owner = database.add_owner_key(&acme, "2026 \"b\"").await;
    let service = database.serve(&[]).await;
    for _ in 0..3 {
        assert_eq!(service.get_with(LOGS, &key).await.0, StatusCode::OK);
    }
    assert_eq!(service.create_log(&key, "web").await, StatusCode::FORBIDDEN);
    let users = format!("/management/accounts/{acme}/users");
    let captured = capture(&owner.credentials(), "POST", &users, r#"{"name":"jane"}"#).await;
    assert_eq!(service.send_captured(&captured).await, StatusCode::CREATED);
    assert_eq!(service.send_captured(&captured).await, StatusCode::UNAUTHORIZED);
    let mut expected = [
        r#"key_id="reports",result="accepted"} 3"#.to_owned(),
        r#"key_id="reports",result="forbidden"} 1"#.to_owned(),
        format!(r#"key_id="{}",key_label="2026 \"b\"",result="accepted"}} 1"#, owner.id),
        format!(r#"key_id="{}",key_label="2026 \"b\"",result="replayed"}} 1"#, owner.id),
    ];
    let mut counters = service.counters(&acme).await;
    counters.sort_unstable();
    expected.sort_unstable();
    assert_eq!(counters, expected);
}

#[tokio::test]
async fn what_strangers_make_up_is_no_label() {
    let (database, acme) = (Database::new(), account("acme"));
    let owner = database.add_owner_key(&acme, "2026").await;
    let service = database.serve(&[]).await;
    assert_eq!(service.get(LOGS).await.0, StatusCode::UNAUTHORIZED);
    for made_up in 0..50 {
        assert_eq!(service.get_with(LOGS, &format!("made-up-{made_up}")).await.0, StatusCode::UNAUTHORIZED);
    }
    let guessed = Credentials::owner(&owner.id, "made-up").unwrap();
    assert_eq!(service.show_account(&guessed, &acme).await.0, StatusCode::UNAUTHORIZED);
    let (_, metrics) = service.get("/metrics").await;
    let lines: Vec<_> = metrics.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            r#"requests_total{result="invalid_signature"} 1"#,
            r#"requests_total{result="missing_credentials"} 1"#,
            r#"requests_total{result="unknown_key"} 50"#,
        ]
    );
}

#[tokio::test]
async fn slow_request_times_out() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "w", "read/write").await;
    let service = database.serve(&["--timeout-secs", "1"]).await;
    let mut stream = service.send_head(&key, 100).await;
    let mut answer = String::new();
    with_timeout(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "w", "read/write").await;
    let service = database.serve(&[]).await;
    let body = br#"{"name":"web"}"#;
    let mut stream = service.begin_upload(&key, body.len()).await;
    service.terminate().await;
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    with_timeout(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(service.ended().await.success());
}

#[tokio::test]
async fn failing_database_is_503() {
    let (database, acme) = (Database::sqlite(), account("acme"));
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let service = database.serve(&[]).await;
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&database.url).await.unwrap();
    sqlx::query("ALTER TABLE api_keys RENAME TO gone").execute(&mut connection).await.unwrap();
    let (status, text) = service.get_with(LOGS, &key).await;
    assert_eq!((status, &json(&text)["errorCode"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::from("unavailable")));
    assert!(service.get("/metrics").await.1.contains(r#"{result="key_store_unavailable"} 1"#));
    assert!(database.log().contains("no such table"), "{}", database.log());

    sqlx::query("ALTER TABLE gone RENAME TO api_keys").execute(&mut connection).await.unwrap();
    assert_eq!(service.get_with(LOGS, &key).await.0, StatusCode::OK);
}

#[tokio::test]
async fn keys_are_not_logged_and_api_keys_not_stored() {
    let (database, acme) = (Database::sqlite(), account("acme"));
    let api_key = database.add_api_key(&acme, "reports", "read-only").await;
    let owner = database.add_owner_key(&acme, "2026").await;
    let service = database.serve(&[]).await;
    service.get_with(LOGS, &api_key).await;
    service.create_log(&api_key, "web").await;
    service.show_account(&owner.credentials(), &acme).await;
    service.terminate().await;
    assert!(service.ended().await.success());
    let log = database.log();
    assert!(log.contains("path=\"/management/logs\"") && log.contains("status=403"), "{log}");
    assert!(!log.contains(&api_key) && !log.contains(&owner.key), "{log}");
    let stored = fs::read(database.file("keys.db")).unwrap();
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&acme) && holds(&owner.key) && !holds(&api_key));
}

#[tokio::test]
async fn unopenable_database_fails_at_start() {
    let ran = Database::nowhere().run(&["serve"]).await;
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:?}");
}
