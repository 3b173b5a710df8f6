//! Resources that are lists of items: created, shown, changed and deleted in memory.

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    defaults::defaults,
    memory::Memory,
    operations::Operation,
    refusal::{INVALID_BODY, JsonBody, NOT_FOUND, Refusal},
};

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
    ("/exports", "export_jobs", "export_job"),
];

pub(super) fn routes(memory: &Memory) -> Router {
    COLLECTIONS.into_iter().fold(Router::new(), |router, (path, plural, singular)| {
        let collection = Collection { path, plural, singular, memory: memory.clone() };
        let items = Router::new()
            .route(path, get(list).post(create))
            .route(&format!("{path}/{{id}}"), get(show).post(add).put(change).patch(change).delete(delete))
            .with_state(collection);
        router.merge(items)
    })
}

#[derive(Clone)]
struct Collection {
    path: &'static str,
    plural: &'static str,
    singular: &'static str,
    memory: Memory,
}

async fn list(State(collection): State<Collection>, uri: Uri) -> Json<Value> {
    Json(json!({ collection.plural: collection.memory.list(uri.path()) }))
}

async fn create(State(collection): State<Collection>, uri: Uri, JsonBody(body): JsonBody) -> Result<Response, Refusal> {
    let item = collection.put(&format!("{}/{}", uri.path(), Uuid::new_v4()), None, body)?;
    Ok(collection.answer(&Method::POST, &uri, StatusCode::CREATED, item))
}

/// Adds an item that has an id already, such as a user of another account. Its body may be empty.
async fn add(State(collection): State<Collection>, uri: Uri, JsonBody(body): JsonBody) -> Result<Response, Refusal> {
    let item = collection.put(uri.path(), collection.memory.get(uri.path()), body)?;
    Ok(collection.answer(&Method::POST, &uri, StatusCode::CREATED, item))
}

async fn show(State(collection): State<Collection>, uri: Uri) -> Result<Response, Refusal> {
    let item = collection.memory.get(uri.path()).ok_or(NOT_FOUND)?;
    Ok(collection.answer(&Method::GET, &uri, StatusCode::OK, item))
}

/// Replaces an item by `PUT`, and merges fields into it by `PATCH`.
async fn change(
    State(collection): State<Collection>,
    method: Method,
    uri: Uri,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let item = collection.memory.get(uri.path()).ok_or(NOT_FOUND)?;
    let item = collection.put(uri.path(), (method == Method::PATCH).then_some(item), body)?;
    Ok(collection.answer(&method, &uri, StatusCode::OK, item))
}

async fn delete(State(collection): State<Collection>, uri: Uri) -> Result<StatusCode, Refusal> {
    collection.memory.remove(uri.path()).ok_or(NOT_FOUND)?;
    Ok(Operation::find(&Method::DELETE, uri.path()).map_or(StatusCode::NO_CONTENT, Operation::status))
}

impl Collection {
    /// Puts the fields of a body on an item, or on a new one if there is none yet.
    fn put(&self, path: &str, item: Option<Value>, body: Value) -> Result<Value, Refusal> {
        let fields = self.fields(body)?;
        Ok(self.memory.put(path, item.unwrap_or_else(|| defaults(self.path, self.singular)), fields))
    }

    /// Reads `{"user": {..}}`, as clients send it, `{"logsets": [{..}]}` as the description has it, the fields of a user
    /// alone, as the scripts of Rapid7's guide send them, or nothing.
    fn fields(&self, mut body: Value) -> Result<Value, Refusal> {
        let (singular, first_of_plural) = (format!("/{}", self.singular), format!("/{}/0", self.plural));
        let is_bare = body == json!({}) || self.singular == "user" && body.get("user").is_none();
        let fields = match [singular, first_of_plural].iter().find_map(|path| body.pointer(path)).cloned() {
            None if is_bare => body.take(),
            fields => fields.ok_or(INVALID_BODY)?,
        };
        if fields.is_object() { Ok(fields) } else { Err(INVALID_BODY) }
    }

    /// Answers with an item in its wrapper, which clients read. The members that the description has without a wrapper
    /// stand beside it.
    fn answer(&self, method: &Method, uri: &Uri, status: StatusCode, item: Value) -> Response {
        let operation = Operation::find(method, uri.path());
        let mut answer = Map::new();
        if let (true, Value::Object(members)) = (operation.is_some_and(Operation::is_bare), &item) {
            answer.clone_from(members);
        }
        answer.insert(self.singular.to_owned(), item);
        (operation.map_or(status, Operation::status), Json(answer)).into_response()
    }
}
