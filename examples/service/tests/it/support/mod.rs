//! Databases, processes of the service, and what sends requests to them.

pub(crate) mod redis;
pub(crate) mod service;

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use axum::body::Body;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};
use tower_logentries_auth::Credentials;
use uuid::Uuid;

use self::service::Service;

/// Waits for a future, or fails the test instead of hanging.
pub(crate) async fn with_timeout<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

pub(crate) fn http_client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// An account that no other test has.
pub(crate) fn account(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4())
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A database of one test, or accounts of its own in one that all share.
pub(crate) struct Database {
    pub(crate) url: String,
    files: Directory,
}

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Database {
    /// The database that `SERVICE_DATABASE_URL` names, or one in SQLite.
    pub(crate) fn new() -> Self {
        let database = Self::sqlite();
        match env::var("SERVICE_DATABASE_URL") {
            Ok(url) => Self { url, ..database },
            Err(_) => database,
        }
    }

    /// A database that no other test sees.
    pub(crate) fn sqlite() -> Self {
        let files = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().to_string());
        fs::create_dir_all(&files).unwrap();
        Self { url: format!("sqlite:{}?mode=rwc", files.join("keys.db").display()), files: Directory(files) }
    }

    /// A database that cannot be opened.
    pub(crate) fn nowhere() -> Self {
        Self { url: "sqlite:/nowhere/keys.db".to_owned(), ..Self::sqlite() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--database-url", &self.url]).args(arguments).env_remove("REDIS_URL").kill_on_drop(true);
        command
    }

    /// Runs a command of the service to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let output = with_timeout(self.command(arguments).output()).await.unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Adds a key; returns the values of what is to be exported, in their order.
    async fn add(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout.lines().map(|line| line.split_once('=').unwrap().1.to_owned()).collect()
    }

    pub(crate) async fn add_owner_key(&self, account: &str, label: &str) -> OwnerKey {
        let exported = self.add(&["add-owner-key", account, "--label", label]).await;
        let [id, key] = exported.try_into().unwrap();
        OwnerKey { id, key }
    }

    pub(crate) async fn add_api_key(&self, account: &str, label: &str, access: &str) -> String {
        self.add(&["add-api-key", account, "--label", label, "--access", access]).await.remove(0)
    }

    pub(crate) async fn revoke(&self, account: &str, label: &str) -> Ran {
        self.run(&["revoke", account, "--label", label]).await
    }

    /// Starts a process that serves.
    pub(crate) async fn serve(&self, options: &[&str]) -> Service {
        let log = File::options().append(true).create(true).open(self.file("log")).unwrap();
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(options).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        with_timeout(stdout.read_line(&mut line)).await.unwrap();
        let address = line.trim().strip_prefix("Listening on http://").unwrap_or_else(|| panic!("{line:?}"));
        Service { child, address: address.to_owned() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.0.join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap()
    }
}

/// An owner key as the service printed it.
pub(crate) struct OwnerKey {
    pub(crate) id: String,
    pub(crate) key: String,
}

impl OwnerKey {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::owner(&self.id, &self.key).unwrap()
    }
}
