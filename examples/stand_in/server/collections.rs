//! Resources that are lists of items: created, shown, changed and deleted in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, Uri},
    routing::get,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::refusal::{INVALID_BODY, JsonBody, NOT_FOUND, Refusal};

/// Where each is, what its items are called together, and one of them.
const COLLECTIONS: [(&str, &str, &str); 13] = [
    ("/management/accounts/{account}/users", "users", "user"),
    ("/management/accounts/{account}/apikeys", "apikeys", "apikey"),
    ("/management/accounts/{account}/teams", "teams", "team"),
    ("/management/logs", "logs", "log"),
    ("/management/logsets", "logsets", "logset"),
    ("/management/tags", "tags", "tag"),
    ("/management/labels", "labels", "label"),
    ("/management/metrics", "metrics", "metric"),
    ("/management/actions", "actions", "action"),
    ("/management/targets", "targets", "target"),
    ("/query/saved_queries", "saved_queries", "saved_query"),
    ("/query/variables", "variables", "variable"),
    ("/exports", "exports", "export"),
];

pub(super) fn routes(memory: &Memory) -> Router {
    COLLECTIONS.into_iter().fold(Router::new(), |router, (path, plural, singular)| {
        let collection = Collection { plural, singular, memory: memory.clone() };
        let items = Router::new()
            .route(path, get(list).post(create))
            .route(&format!("{path}/{{id}}"), get(show).post(add).put(change).patch(change).delete(delete))
            .with_state(collection);
        router.merge(items)
    })
}

/// The items by their paths.
#[derive(Clone, Default)]
pub(super) struct Memory {
    items: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl Memory {
    pub(super) fn with_a_log_and_an_export() -> Self {
        let memory = Self::default();
        for (path, singular, fields) in [
            ("/management/logs", "log", json!({ "name": "web" })),
            ("/exports", "export", json!({ "name": "web", "status": "COMPLETED" })),
        ] {
            memory.put(&format!("{path}/{}", Uuid::new_v4()), blank(singular), fields);
        }
        memory
    }

    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.lock().get(path).cloned()
    }

    /// Puts fields on an item. The end of its path is its id.
    fn put(&self, path: &str, mut item: Value, fields: Value) -> Value {
        merge(&mut item, fields);
        item["id"] = path.rsplit('/').next().into();
        self.lock().insert(path.to_owned(), item.clone());
        item
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Collection {
    plural: &'static str,
    singular: &'static str,
    memory: Memory,
}

async fn list(State(collection): State<Collection>, uri: Uri) -> Json<Value> {
    let below = format!("{}/", uri.path());
    let memory = collection.memory.lock();
    let items: Vec<_> = memory.iter().filter(|(path, _)| path.starts_with(&below)).map(|(_, item)| item).collect();
    Json(json!({ collection.plural: items }))
}

async fn create(
    State(collection): State<Collection>,
    uri: Uri,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let path = format!("{}/{}", uri.path(), Uuid::new_v4());
    Ok((StatusCode::CREATED, collection.put(&path, None, body)?))
}

/// Adds an item that has an id already, such as a user of another account.
async fn add(
    State(collection): State<Collection>,
    uri: Uri,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    Ok((StatusCode::CREATED, collection.put(uri.path(), None, body)?))
}

async fn show(State(collection): State<Collection>, uri: Uri) -> Result<Json<Value>, Refusal> {
    let item = collection.memory.get(uri.path()).ok_or(NOT_FOUND)?;
    Ok(Json(json!({ collection.singular: item })))
}

/// Replaces an item by `PUT`, and merges fields into it by `PATCH`.
async fn change(
    State(collection): State<Collection>,
    method: Method,
    uri: Uri,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refusal> {
    let item = collection.memory.get(uri.path()).ok_or(NOT_FOUND)?;
    collection.put(uri.path(), (method == Method::PATCH).then_some(item), body)
}

async fn delete(State(collection): State<Collection>, uri: Uri) -> Result<StatusCode, Refusal> {
    collection.memory.lock().remove(uri.path()).map(|_| StatusCode::NO_CONTENT).ok_or(NOT_FOUND)
}

impl Collection {
    /// Puts the fields of `{"user": {...}}` on an item, which is blank if there is none yet.
    fn put(&self, path: &str, item: Option<Value>, mut body: Value) -> Result<Json<Value>, Refusal> {
        let fields = match body.get_mut(self.singular).map(Value::take) {
            Some(fields @ Value::Object(_)) => fields,
            None if body == json!({}) => body,
            _ => return Err(INVALID_BODY),
        };
        let item = self.memory.put(path, item.unwrap_or_else(|| blank(self.singular)), fields);
        Ok(Json(json!({ self.singular: item })))
    }
}

/// What an item has before its fields are set.
fn blank(singular: &str) -> Value {
    match singular {
        "user" => json!({ "first_name": "", "last_name": "", "email": "", "login_name": "" }),
        "apikey" => json!({ "active": true, "api_key": Uuid::new_v4().to_string() }), // which opens nothing here
        "team" => json!({ "name": "", "users": [] }),
        "log" => {
            json!({ "name": "", "logsets_info": [], "tokens": [Uuid::new_v4().to_string()], "source_type": "token" })
        }
        "logset" => json!({ "name": "", "description": "", "logs_info": [] }),
        "tag" => json!({ "name": "", "type": "Alert", "sources": [], "actions": [], "patterns": [], "labels": [] }),
        "label" => json!({ "name": "", "color": "3498db", "reserved": false }),
        "saved_query" => json!({ "name": "", "logs": [], "leql": { "statement": "", "during": {} } }),
        _ => json!({}),
    }
}

/// Merges objects field by field. A list of members grows by those that it does not have: a `PATCH` adds users to a team.
fn merge(value: &mut Value, with: Value) {
    match (value, with) {
        (Value::Object(fields), Value::Object(with)) => {
            with.into_iter().for_each(|(name, with)| merge(fields.entry(name).or_insert(Value::Null), with));
        }
        (Value::Array(members), Value::Array(with)) if with.iter().any(|member| member.get("id").is_some()) => {
            let is_new = |member: &Value| member["id"] != "" && members.iter().all(|known| known["id"] != member["id"]);
            let new: Vec<_> = with.into_iter().filter(is_new).collect();
            members.extend(new);
        }
        (value, with) => *value = with,
    }
}
