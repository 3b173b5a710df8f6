//! The example `keys_in_database`, run as its users run it: one process serves, others manage its keys.
//!
//! On SQLite; on Postgres instead if `KEYS_IN_DATABASE_URL` has the URL of one.

use std::{
    env,
    fs::{self, File},
    net::TcpStream as BlockingTcpStream,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
use uuid::Uuid;

use crate::support::{
    LOGS,
    child::{self, Ran},
    hyper_client, with_timeout,
};

const EXAMPLE: &str = "keys_in_database";

/// A database of one test, or accounts of its own in one that all share.
struct Database {
    url: String,
    files: PathBuf,
}

impl Database {
    fn new() -> Self {
        let files = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().to_string());
        fs::create_dir_all(&files).unwrap();
        let sqlite = || format!("sqlite:{}?mode=rwc", files.join("keys.db").display());
        Self { url: env::var("KEYS_IN_DATABASE_URL").unwrap_or_else(|_| sqlite()), files }
    }

    fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = child::command(EXAMPLE);
        command.args(["--database-url", &self.url]).args(arguments);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        child::finish(&mut self.command(arguments)).await
    }

    /// Adds a key; returns what is to be exported, in its order.
    async fn add(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.lines().map(|line| line.split_once('=').unwrap().1.to_owned()).collect()
    }

    async fn add_owner_key(&self, account: &str, label: &str) -> Credentials {
        let key = self.add(&["add-owner-key", account, "--label", label]).await;
        Credentials::owner(&key[0], &key[1]).unwrap()
    }

    async fn add_api_key(&self, account: &str, label: &str, access: &str) -> String {
        self.add(&["add-api-key", account, "--label", label, "--access", access]).await.remove(0)
    }

    async fn revoke(&self, account: &str, label: &str) -> Ran {
        self.run(&["revoke", account, "--label", label]).await
    }

    async fn serve(&self, options: &[&str]) -> Service {
        let log = File::create(self.files.join("log")).unwrap();
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(options).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        with_timeout(stdout.read_line(&mut line)).await.unwrap();
        let address = line.trim().strip_prefix("Listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        Service { child, address: address.to_owned() }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.join("log")).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.files);
    }
}

/// An account that no other test has.
fn account(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4())
}

struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    /// Sends a request as it is.
    async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        text(with_timeout(hyper_client().oneshot(request)).await.unwrap()).await
    }

    /// Sends a GET with an API key.
    async fn get_with(&self, path: &str, key: &str) -> (StatusCode, String) {
        self.send(self.request("GET", path).header("x-api-key", key).body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn create_log(&self, key: &str, name: &str) -> StatusCode {
        let request = self.request("POST", LOGS).header("x-api-key", key).header("content-type", "application/json");
        self.send(request.body(Body::from(format!(r#"{{"name":"{name}"}}"#))).unwrap()).await.0
    }

    /// Signs a GET for the account with the layer.
    async fn show_account(&self, credentials: &Credentials, account: &str) -> (StatusCode, String) {
        let layer = LogentriesAuthLayer::new(credentials.clone()).trust_origin(&format!("http://{}", self.address));
        let client = ServiceBuilder::new().layer(layer.unwrap()).service(hyper_client());
        let request = self.request("GET", &format!("/management/accounts/{account}")).body(Body::empty()).unwrap();
        text(with_timeout(client.oneshot(request)).await.unwrap()).await
    }

    /// A connection with the head of a request.
    async fn send_head(&self, key: &str, content_length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST {LOGS} HTTP/1.1\r\nHost: {}\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {content_length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// A connection with a request whose body the service waits for.
    async fn begin_upload(&self, key: &str, content_length: usize) -> TcpStream {
        let mut stream = self.send_head(key, content_length).await;
        let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut interim = vec![0; expected.len()];
        with_timeout(stream.read_exact(&mut interim)).await.unwrap();
        assert_eq!(interim, expected);
        stream
    }

    /// Sends SIGTERM, and returns once no new connection is accepted.
    async fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().unwrap().to_string()]).status().await;
        assert!(killed.unwrap().success());
        with_timeout(async {
            while BlockingTcpStream::connect(&self.address).is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn ended(mut self) -> ExitStatus {
        with_timeout(self.child.wait()).await.unwrap()
    }
}

async fn text(response: Response<hyper::body::Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn tenants_are_isolated() {
    let (database, acme, globex) = (Database::new(), account("acme"), account("globex"));
    let (acme_key, globex_key) =
        (database.add_api_key(&acme, "w", "read-write").await, database.add_api_key(&globex, "w", "read-write").await);
    let acme_owner = database.add_owner_key(&acme, "2026").await;
    let service = database.serve(&[]).await;
    assert_eq!(service.create_log(&acme_key, "acme's web").await, StatusCode::CREATED);
    assert_eq!(service.create_log(&globex_key, "globex's web").await, StatusCode::CREATED);
    for (key, logs) in [(&acme_key, r#"["acme's web"]"#), (&globex_key, r#"["globex's web"]"#)] {
        let (status, text) = service.get_with(LOGS, key).await;
        assert_eq!((status, &json(&text)["logs"]), (StatusCode::OK, &json(logs)));
    }
    assert_eq!(service.show_account(&acme_owner, &acme).await.0, StatusCode::OK);
    assert_eq!(service.show_account(&acme_owner, &globex).await.0, StatusCode::NOT_FOUND);
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
    let twice = database.run(&["add-api-key", &acme, "--label", "reports", "--access", "read-only"]).await;
    assert_eq!((twice.code, &*twice.stdout), (Some(1), ""), "{twice:?}");
    assert!(twice.stderr.contains("\"reports\" cannot be added"), "{twice:?}");
}

#[tokio::test]
async fn rotating_owner_keys_are_told_apart() {
    let (database, acme) = (Database::new(), account("acme"));
    let old = database.add_owner_key(&acme, "old").await;
    let service = database.serve(&["--revocation-secs", "1"]).await;
    let signed_with = |text: &str| json(text)["account"]["signed_with"].as_str().unwrap().to_owned();
    let (status, text) = service.show_account(&old, &acme).await;
    assert_eq!((status, &*signed_with(&text)), (StatusCode::OK, "old"));

    let new = database.add_owner_key(&acme, "new").await;
    // Known by its id since before the new key was added.
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
async fn revocation_takes_effect_after_cache_ttl() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let (slow, quick) =
        (database.serve(&["--revocation-secs", "3600"]).await, database.serve(&["--revocation-secs", "1"]).await);
    for service in [&slow, &quick] {
        assert_eq!(service.get_with(LOGS, &key).await.0, StatusCode::OK);
    }
    assert_eq!(database.revoke(&acme, "reports").await.code, Some(0));
    let again = database.revoke(&acme, "reports").await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("has no key \"reports\""), "{again:?}");
    with_timeout(async { while quick.get_with(LOGS, &key).await.0 != StatusCode::UNAUTHORIZED {} }).await;
    assert_eq!(slow.get_with(LOGS, &key).await.0, StatusCode::OK);
}

#[tokio::test]
async fn public_routes_and_rejection_metrics() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let service = database.serve(&["--allow-origin", "https://app.example"]).await;
    assert_eq!(service.get("/health").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(service.get("/no/such/route").await.0, StatusCode::NOT_FOUND);
    assert_eq!(service.get(LOGS).await.0, StatusCode::UNAUTHORIZED);
    for made_up in 0..50 {
        assert_eq!(service.get_with(LOGS, &format!("made-up-{made_up}")).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(service.create_log(&key, "web").await, StatusCode::FORBIDDEN);
    let (status, metrics) = service.get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let lines: Vec<_> = metrics.lines().collect();
    assert_eq!(
        lines[1..],
        [
            r#"rejections_total{kind="forbidden"} 1"#,
            r#"rejections_total{kind="missing_credentials"} 1"#,
            r#"rejections_total{kind="unknown_key"} 50"#,
        ]
    );

    let preflight = service.request("OPTIONS", LOGS).header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    let preflight = preflight.header("access-control-request-headers", "x-api-key").body(Body::empty()).unwrap();
    let response = with_timeout(hyper_client().oneshot(preflight)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
}

#[tokio::test]
async fn slow_request_times_out() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "w", "read-write").await;
    let service = database.serve(&["--timeout-secs", "1"]).await;
    let mut stream = service.send_head(&key, 100).await;
    let mut answer = String::new();
    with_timeout(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn shutdown_drains_requests_in_flight() {
    let (database, acme) = (Database::new(), account("acme"));
    let key = database.add_api_key(&acme, "w", "read-write").await;
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
    let (database, acme) = (Database::new(), account("acme"));
    if !database.is_sqlite() {
        return; // Other tests would fail with it.
    }
    let key = database.add_api_key(&acme, "reports", "read-only").await;
    let service = database.serve(&[]).await;
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&database.url).await.unwrap();
    sqlx::query("ALTER TABLE api_keys RENAME TO gone").execute(&mut connection).await.unwrap();
    let (status, text) = service.get_with(LOGS, &key).await;
    assert_eq!((status, &json(&text)["errorCode"]), (StatusCode::SERVICE_UNAVAILABLE, &Value::from("unavailable")));
    assert!(service.get("/metrics").await.1.contains(r#"{kind="key_store_unavailable"} 1"#));
    assert!(database.log().contains("no such table"), "{}", database.log());

    sqlx::query("ALTER TABLE gone RENAME TO api_keys").execute(&mut connection).await.unwrap();
    assert_eq!(service.get_with(LOGS, &key).await.0, StatusCode::OK);
}

#[tokio::test]
async fn keys_are_not_logged_and_api_keys_not_stored() {
    let (database, acme) = (Database::new(), account("acme"));
    let api_key = database.add_api_key(&acme, "reports", "read-only").await;
    let owner = database.add(&["add-owner-key", &acme, "--label", "2026"]).await;
    let service = database.serve(&[]).await;
    service.get_with(LOGS, &api_key).await;
    service.create_log(&api_key, "web").await;
    service.show_account(&Credentials::owner(&owner[0], &owner[1]).unwrap(), &acme).await;
    service.terminate().await;
    assert!(service.ended().await.success());
    let log = database.log();
    assert!(log.contains("path=\"/management/logs\"") && log.contains("status=403"), "{log}");
    assert!(!log.contains(&api_key) && !log.contains(&owner[1]), "{log}");
    if database.is_sqlite() {
        let stored = fs::read(database.files.join("keys.db")).unwrap();
        let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(&acme) && holds(&owner[1]) && !holds(&api_key));
    }
}

#[tokio::test]
async fn unopenable_database_fails_at_start() {
    let mut command = child::command(EXAMPLE);
    let ran = child::finish(command.args(["--database-url", "sqlite:/nowhere/keys.db", "serve"])).await;
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("the database cannot be opened"), "{ran:?}");
}
