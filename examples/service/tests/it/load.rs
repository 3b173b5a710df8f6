//! Fifty accounts that rotate their owner keys under load, on two replicas.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use axum::body::Body;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::task::JoinHandle;
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Credentials, CredentialsHandle, LogentriesAuthLayer};

use crate::support::{Database, account, http_client, redis::Redis, service::Service, with_timeout};

const ACCOUNTS: usize = 50;

/// An account whose client sends all the time, now to one replica and now to the other.
struct Account {
    id: String,
    keys: CredentialsHandle,
    sent: Arc<AtomicUsize>,
    load: JoinHandle<()>,
}

impl Account {
    async fn start(database: &Database, client: Layered, is_over: Arc<AtomicBool>) -> Self {
        let id = account("acme");
        let keys = CredentialsHandle::new(database.add_owner_key(&id, "old").await.credentials());
        let sent = Arc::<AtomicUsize>::default();
        let load = tokio::spawn(send_until(is_over, client.with(keys.clone()), id.clone(), sent.clone()));
        Self { id, keys, sent, load }
    }
}

/// One HTTP client and one configuration for all accounts.
#[derive(Clone)]
struct Layered {
    layer: LogentriesAuthLayer,
    http: Client<HttpConnector, Body>,
    origins: [String; 2],
}

impl Layered {
    fn with(&self, keys: impl Into<CredentialsHandle>) -> Self {
        Self { layer: self.layer.with_credentials(keys), ..self.clone() }
    }

    async fn send(&self, replica: usize, method: &str, path: &str, body: String) -> StatusCode {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.origins[replica]));
        let request = request.body(Body::from(body)).unwrap();
        with_timeout(self.layer.layer(self.http.clone()).oneshot(request)).await.unwrap().status()
    }

    /// Sends requests that change nothing until both replicas answer with this status.
    async fn wait_for(&self, id: &str, keys: &Credentials, status: StatusCode) {
        let (client, path) = (self.with(keys.clone()), format!("/management/accounts/{id}"));
        for replica in 0..2 {
            with_timeout(async { while client.send(replica, "GET", &path, String::new()).await != status {} }).await;
        }
    }
}

/// Sends requests, each of which has to pass.
async fn send_until(is_over: Arc<AtomicBool>, client: Layered, id: String, sent: Arc<AtomicUsize>) {
    let users = format!("/management/accounts/{id}/users");
    for n in 0.. {
        if is_over.load(Relaxed) {
            return;
        }
        let status = match n % 10 {
            0 => client.send(n / 10 % 2, "POST", &users, format!(r#"{{"name":"user {n}"}}"#)).await,
            _ => client.send(n % 2, "GET", &users, String::new()).await,
        };
        assert!(status.is_success(), "{status} for the {n}th request of {id}");
        sent.fetch_add(1, Relaxed);
    }
}

/// Waits until each account has sent ten more requests.
async fn send_ten_more(accounts: &[Account]) {
    let before: Vec<_> = accounts.iter().map(|account| account.sent.load(Relaxed)).collect();
    with_timeout(async {
        while accounts.iter().zip(&before).any(|(account, before)| account.sent.load(Relaxed) < before + 10) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn rotate(database: &Database, client: &Layered, account: &Account) {
    let new = database.add_owner_key(&account.id, "new").await.credentials();
    client.wait_for(&account.id, &new, StatusCode::OK).await;
    account.keys.replace(new);
}

/// Returns how many requests were accepted on both replicas by the key with this label.
async fn accepted(replicas: &[Service; 2], account: &str, label: &str) -> u64 {
    let mut sum = 0;
    for replica in replicas {
        let infix = format!("key_label=\"{label}\",result=\"accepted\"}} ");
        let counters = replica.counters(account).await;
        sum += counters.iter().filter_map(|line| line.split_once(&infix)?.1.parse::<u64>().ok()).sum::<u64>();
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server or valkey-server"]
async fn fifty_accounts_rotate_under_load_and_no_request_is_rejected() {
    let (redis, database) = (Redis::start().await, Database::new());
    let url = redis.url();
    let options = ["--redis-url", &url, "--revocation-secs", "1"];
    let replicas = [database.serve(&options).await, database.serve(&options).await];
    let origins = replicas.each_ref().map(Service::origin);
    let layer = LogentriesAuthLayer::new(Credentials::read_only("unused").unwrap());
    let layer = origins.iter().fold(layer, |layer, origin| layer.trust_origin(origin).unwrap());
    let client = Layered { layer, http: http_client(), origins };

    let is_over = Arc::<AtomicBool>::default();
    let accounts = (0..ACCOUNTS).map(|_| Account::start(&database, client.clone(), is_over.clone()));
    let accounts = join_all(accounts).await;
    let started = Instant::now();
    send_ten_more(&accounts).await;
    join_all(accounts.iter().map(|account| rotate(&database, &client, account))).await;
    send_ten_more(&accounts).await;
    is_over.store(true, Relaxed);
    let sent: usize = accounts.iter().map(|account| account.sent.load(Relaxed)).sum();
    println!("{sent} requests of {ACCOUNTS} accounts in {:?}", started.elapsed());
    for account in accounts {
        with_timeout(account.load).await.expect("every request has passed");
        for label in ["old", "new"] {
            assert!(accepted(&replicas, &account.id, label).await >= 2, "{} {label}", account.id);
        }
    }
}
