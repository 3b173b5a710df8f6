//! A local stand-in for the API, to test a client against. It checks keys, signatures and dates like the API, and holds
//! what is created in memory until Ctrl-C.
//!
//!     cargo run --example stand_in [port]
//!
//! It listens on 127.0.0.1 only, and prints the port. The keys are read from the environment variables of
//! `Credentials::from_env`. If none is set, it makes up keys and prints them for a shell to export.

use std::{
    collections::BTreeMap,
    env,
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex};
use tower::BoxError;
use tower_logentries_auth::{Credentials, CredentialsError, LogentriesVerifyLayer};

/// The collections: where, what their items are called together, and one of them.
const COLLECTIONS: [(&str, &str, &str); 6] = [
    ("/management/accounts/{account}/users", "users", "user"),
    ("/management/accounts/{account}/apikeys", "apikeys", "apikey"),
    ("/management/accounts/{account}/teams", "teams", "team"),
    ("/management/logs", "logs", "log"),
    ("/management/logsets", "logsets", "logset"),
    ("/query/saved_queries", "saved_queries", "saved_query"),
];

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = env::args().nth(1).map_or(Ok(0), |port| port.parse().map_err(|_| format!("{port} is not a port")))?;
    let credentials = match Credentials::from_env() {
        Err(CredentialsError::NoKeysInEnv) => made_up()?,
        credentials => credentials?,
    };
    let app = api().layer(LogentriesVerifyLayer::new(credentials));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("Listening on http://{} until Ctrl-C", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    Ok(())
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("Ctrl-C can't be waited for: {error}");
        std::future::pending().await
    }
}

fn made_up() -> Result<Credentials, CredentialsError> {
    let [id, owner, read_write, read_only] = [(); 4].map(|()| uuid());
    println!("No keys in the environment. These are good until Ctrl-C:\n");
    println!("export LOGENTRIES_OWNER_API_KEY_ID={id}");
    println!("export LOGENTRIES_OWNER_API_KEY={owner}");
    println!("export LOGENTRIES_RW_API_KEY={read_write}");
    println!("export LOGENTRIES_RO_API_KEY={read_only}\n");
    Credentials::owner(&id, &owner)?.with_read_write(&read_write)?.with_read_only(&read_only)
}

/// Random enough for a server that guards nothing, without another dependency.
fn uuid() -> String {
    let [high, low] = [0, 1].map(|half| RandomState::new().hash_one(half));
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-a{:03x}-{:012x}", low >> 48 & 0xfff, low & 0xffff_ffff_ffff)
}

fn api() -> Router {
    let memory = Memory::default();
    let collections = COLLECTIONS.map(|(path, plural, singular)| {
        Router::new()
            .route(path, get(list).post(create))
            .route(&format!("{path}/{{id}}"), get(show).post(add).put(change).patch(change).delete(delete))
            .with_state(Collection { plural, singular, memory: Arc::clone(&memory) })
    });
    collections
        .into_iter()
        .fold(Router::new(), Router::merge)
        .route("/management/accounts/{account}", get(account))
        .route("/management/accounts/{account}/owners", get(owners))
        .route("/query/logs", post(query))
        .fallback(|| async { NOT_FOUND })
}

/// The items by their paths.
type Memory = Arc<Mutex<BTreeMap<String, Value>>>;

#[derive(Clone)]
struct Collection {
    plural: &'static str,
    singular: &'static str,
    memory: Memory,
}

async fn list(State(collection): State<Collection>, uri: Uri) -> Json<Value> {
    let below = format!("{}/", uri.path());
    let memory = collection.memory.lock().await;
    let items: Vec<_> = memory.iter().filter(|(path, _)| path.starts_with(&below)).map(|(_, item)| item).collect();
    Json(json!({ collection.plural: items }))
}

async fn create(State(collection): State<Collection>, uri: Uri, body: Bytes) -> Result<Response, Refusal> {
    let path = format!("{}/{}", uri.path(), uuid());
    Ok((StatusCode::CREATED, collection.put(path, &body).await?).into_response())
}

/// Adds an item that has an id already, as a user of another account.
async fn add(State(collection): State<Collection>, uri: Uri, body: Bytes) -> Result<Response, Refusal> {
    Ok((StatusCode::CREATED, collection.put(uri.path().to_owned(), &body).await?).into_response())
}

async fn show(State(collection): State<Collection>, uri: Uri) -> Result<Json<Value>, Refusal> {
    let memory = collection.memory.lock().await;
    let item = memory.get(uri.path()).ok_or(NOT_FOUND)?;
    Ok(Json(json!({ collection.singular: item })))
}

async fn change(State(collection): State<Collection>, uri: Uri, body: Bytes) -> Result<Json<Value>, Refusal> {
    let path = uri.path().to_owned();
    if !collection.memory.lock().await.contains_key(&path) {
        return Err(NOT_FOUND);
    }
    collection.put(path, &body).await
}

async fn delete(State(collection): State<Collection>, uri: Uri) -> Result<StatusCode, Refusal> {
    collection.memory.lock().await.remove(uri.path()).map(|_| StatusCode::NO_CONTENT).ok_or(NOT_FOUND)
}

impl Collection {
    /// Puts the fields of `{"user": {...}}` on the item at this path, which ends in its id.
    async fn put(&self, path: String, body: &[u8]) -> Result<Json<Value>, Refusal> {
        let fields = match body {
            [] => json!({}),
            body => serde_json::from_slice::<Value>(body).map_err(|_| NO_JSON)?[self.singular].take(),
        };
        let Value::Object(fields) = fields else { return Err(NO_JSON) };
        let id = path.rsplit('/').next().unwrap_or_default().into();
        let mut memory = self.memory.lock().await;
        let item = memory.entry(path).or_insert_with(|| blank(self.singular));
        fields.into_iter().for_each(|(name, value)| item[name] = value);
        item["id"] = id;
        Ok(Json(json!({ self.singular: item })))
    }
}

/// What an item has before its fields are set.
fn blank(singular: &str) -> Value {
    match singular {
        "user" => json!({ "first_name": "", "last_name": "", "email": "", "login_name": "" }),
        "apikey" => json!({ "active": true, "api_key": uuid() }), // which opens nothing here
        "team" => json!({ "users": [] }),
        _ => json!({}),
    }
}

async fn account(Path(account): Path<String>) -> Json<Value> {
    Json(json!({ "account": { "id": account, "name": "Stand-in" } }))
}

async fn owners() -> Json<Value> {
    Json(
        json!({ "owners": [{ "id": "owner", "first_name": "Jane", "last_name": "Smyth", "email": "jane@smyth.com" }] }),
    )
}

async fn query(body: Bytes) -> Result<Json<Value>, Refusal> {
    let query: Value = serde_json::from_slice(&body).map_err(|_| NO_JSON)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) * 1000;
    let event = json!({ "timestamp": now, "sequence_number": 1, "message": "a line of the log", "labels": [] });
    Ok(Json(json!({ "logs": query["logs"], "leql": query["leql"], "events": [event] })))
}

/// Status, `errorCode` and `message`, as the API answers.
struct Refusal(StatusCode, &'static str, &'static str);

const NOT_FOUND: Refusal = Refusal(StatusCode::NOT_FOUND, "not_found", "there is no such resource");
const NO_JSON: Refusal = Refusal(StatusCode::BAD_REQUEST, "bad_request", "the body is not the JSON of this resource");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "errorCode": code, "message": message }))).into_response()
    }
}
