//! Many accounts over one client: each signs with its own keys, and all share the connections and the clock.
//!
//!     cargo run --features retry --example many_accounts
//!
//! It lists the users of three accounts, rotates the keys of one of them, and lists them again. The server is embedded, and
//! listens on 127.0.0.1. Its clock is ten minutes ahead, and it answers the first request of each account with 503.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Context;
use axum::{Extension, Router, extract::Path, routing::get, serve::ListenerExt};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{
    ServiceBuilder, ServiceExt,
    retry::{Retry, RetryLayer},
    timeout::{Timeout, TimeoutLayer},
    util::MapResponseLayer,
};
use tower_logentries_auth::{
    Credentials, CredentialsHandle, Identity, LogentriesAuth, LogentriesAuthLayer, LogentriesRetryPolicy,
    LogentriesVerifyLayer, OwnerKey, Rejection, server::MemoryKeyStore,
};

type HttpClient = Client<HttpConnector, Full<Bytes>>;
type Stack = Timeout<Retry<LogentriesRetryPolicy, LogentriesAuth<HttpClient>>>;

/// The clients of all accounts. A clone of the HTTP client has the same pool of connections.
struct Accounts {
    origin: String,
    layer: LogentriesAuthLayer,
    http: HttpClient,
    clients: HashMap<String, AccountClient>,
}

struct AccountClient {
    keys: CredentialsHandle,
    stack: Stack,
}

impl Accounts {
    fn insert(&mut self, account: &str, credentials: Credentials) {
        let keys = CredentialsHandle::new(credentials);
        let stack = ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(30)))
            // A policy for each account: one that fails does not use up the retries of the others.
            .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
            .layer(self.layer.with_credentials(keys.clone()))
            .service(self.http.clone());
        self.clients.insert(account.to_owned(), AccountClient { keys, stack });
    }

    fn client(&self, account: &str) -> anyhow::Result<&AccountClient> {
        self.clients.get(account).with_context(|| format!("there is no account {account}"))
    }

    /// Replaces the keys of one account. Its requests in flight keep theirs.
    fn rotate(&self, account: &str, next: Credentials) -> anyhow::Result<()> {
        self.client(account)?.keys.replace(next);
        Ok(())
    }

    async fn print_users(&self, account: &str) -> anyhow::Result<()> {
        let request = Request::get(format!("{}/management/accounts/{account}/users", self.origin));
        let stack = self.client(account)?.stack.clone();
        let response = stack.oneshot(request.body(Full::default())?).await.map_err(anyhow::Error::from_boxed)?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        println!("{account}: {status}, {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let owner_key = |account: &str, label: &str| -> anyhow::Result<OwnerKey> {
        Ok(OwnerKey::new(&format!("{account}-id"), &format!("{account}-key-of-{label}"))?.with_label(label))
    };

    // What all accounts have in common. The keys that a layer starts with are those of one account.
    let first = Credentials::from_owner_key(owner_key("acme", "2025")?);
    let layer = LogentriesAuthLayer::new(first).trust_origin(&server.origin)?;
    let http = Client::builder(TokioExecutor::new()).build_http();
    let mut accounts = Accounts { origin: server.origin.clone(), layer, http, clients: HashMap::new() };
    for account in ["acme", "globex", "initech"] {
        let key = owner_key(account, "2025")?;
        server.keys.insert_owner_key(account, key.clone())?;
        accounts.insert(account, Credentials::from_owner_key(key));
        accounts.print_users(account).await?;
    }

    // The server accepts both keys of globex, until the client has the next one.
    let next = owner_key("globex", "2026")?;
    server.keys.insert_owner_key("globex", next.clone())?;
    accounts.rotate("globex", Credentials::from_owner_key(next))?;
    server.keys.remove_owner_key("globex-id", Some("2025"));
    for account in ["acme", "globex", "initech"] {
        accounts.print_users(account).await?;
    }

    let [requests, connections, rejected] = server.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    println!("{requests} requests, {connections} connections, {rejected} rejected for its date");
    println!("the clock was corrected by {} s", accounts.layer.clock_offset_secs(&server.origin)?);
    Ok(())
}

/// A server of many accounts, and what it counts.
struct Server {
    origin: String,
    keys: MemoryKeyStore,
    /// Requests, connections, and rejections.
    counts: Arc<[AtomicUsize; 3]>,
}

impl Server {
    async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let server = Self {
            origin: format!("http://{}", listener.local_addr()?),
            keys: MemoryKeyStore::new(),
            counts: Arc::default(),
        };
        let counts = server.counts.clone();
        let count = move |response: Response<_>| {
            counts[0].fetch_add(1, Ordering::Relaxed);
            counts[2].fetch_add(usize::from(response.extensions().get::<Rejection>().is_some()), Ordering::Relaxed);
            response
        };
        let verify =
            LogentriesVerifyLayer::new(server.keys.clone()).clock(|| SystemTime::now() + Duration::from_secs(600));
        let app = Router::new()
            .route("/management/accounts/{account}/users", get(users))
            .layer(Extension(Arc::new(Mutex::new(HashSet::<String>::new()))))
            .layer(verify)
            .layer(MapResponseLayer::new(count));
        let counts = server.counts.clone();
        let listener = listener.tap_io(move |_| {
            counts[1].fetch_add(1, Ordering::Relaxed);
        });
        tokio::spawn(async { axum::serve(listener, app).await });
        Ok(server)
    }
}

async fn users(
    Path(account): Path<String>,
    Extension(identity): Extension<Identity>,
    Extension(seen): Extension<Arc<Mutex<HashSet<String>>>>,
) -> Result<String, StatusCode> {
    // A valid signature does not prove that it is this account's.
    if identity.account.as_deref() != Some(&*account) {
        return Err(StatusCode::FORBIDDEN);
    }
    let is_new = seen.lock().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.insert(account);
    match is_new {
        true => Err(StatusCode::SERVICE_UNAVAILABLE),
        false => Ok(format!("signed with the key of {}", identity.key_label.as_deref().unwrap_or("no year"))),
    }
}
