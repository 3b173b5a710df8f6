//! How queries are started and polled, and live tails, which are never done. `running` has their answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Query, RawQuery, State, rejection::QueryRejection},
    http::{StatusCode, header::HOST, request::Parts},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    log_sets::{LOG_SETS, LOGS},
    memory::Memory,
    paths::Prefix,
    refusal::{INVALID_BODY, INVALID_QUERY, JsonBody, NOT_FOUND, Refusal},
    running::Running,
};

/// How often a query is polled until it is done.
const POLLS: u64 = 2;

pub(super) fn routes(memory: Memory, links_to: Option<String>) -> Router {
    let links_to: Option<Arc<str>> = links_to.map(Arc::from);
    let queries = |path: &'static str, is_live| Queries {
        path,
        is_live,
        memory: memory.clone(),
        links_to: links_to.clone(),
        running: Arc::default(),
    };
    let started = |queries: Queries| {
        let path = queries.path;
        Router::new()
            .route(&format!("{path}/logs"), post(start_by_post))
            .route(&format!("{path}/logs/{{logs}}"), get(start_by_get))
            .route(&format!("{path}/logs/{{logs}}/{{saved_query}}"), get(start_by_get))
            .route(&format!("{path}/saved_query/{{saved_query}}"), get(start_by_get))
            .route(&format!("{path}/{{id}}"), get(poll))
            .with_state(queries)
    };
    let (ordinary, audit) = (queries("/query", false), queries("/audit/query", false));
    let others = Router::new()
        .route("/query/logsets", get(start_by_get))
        .route("/query/logsets/{log_set}", get(start_by_get))
        .route("/query/context/{sequence_number}", get(start_by_get))
        .with_state(ordinary.clone());
    let audited = Router::new().route("/audit/logs/{logs}", get(start_by_get)).with_state(audit.clone());
    started(ordinary).merge(others).merge(started(audit)).merge(audited).merge(started(queries("/query/live", true)))
}

#[derive(Clone)]
struct Queries {
    path: &'static str,
    is_live: bool,
    memory: Memory,
    links_to: Option<Arc<str>>,
    running: Arc<Mutex<HashMap<Uuid, Running>>>,
}

/// What the path of a query by GET names.
#[derive(Deserialize)]
struct Subject {
    logs: Option<String>,
    saved_query: Option<String>,
    log_set: Option<String>,
}

#[derive(Deserialize)]
struct Parameters {
    query: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    time_range: Option<String>,
    per_page: Option<u64>,
    sequence_number: Option<u64>,
    /// The logs of a context.
    log_keys: Option<String>,
}

type ParametersOf = Result<Query<Parameters>, QueryRejection>;
type Answer = Result<(StatusCode, Json<Value>), Refusal>;

async fn start_by_post(
    State(queries): State<Queries>,
    parameters: ParametersOf,
    links: Links,
    JsonBody(mut body): JsonBody,
) -> Answer {
    let Query(Parameters { per_page, .. }) = parameters.map_err(|_| INVALID_QUERY)?;
    let mut member = |name: &str| body.get_mut(name).map(Value::take).unwrap_or_default();
    let (logs, mut leql) = (member("logs"), member("leql"));
    let has_logs = logs.as_array().is_some_and(|logs| !logs.is_empty());
    let has_query = leql["statement"].is_string() && leql["during"].is_object();
    if !has_logs || !(has_query || queries.is_live) {
        return Err(INVALID_BODY);
    }
    if leql.is_null() {
        leql = json!({ "statement": "" });
    }
    queries.start(&links, Running::new(logs, leql, per_page))
}

async fn start_by_get(
    State(queries): State<Queries>,
    Path(subject): Path<Subject>,
    RawQuery(raw): RawQuery,
    parameters: ParametersOf,
    links: Links,
) -> Answer {
    let Query(parameters) = parameters.map_err(|_| INVALID_QUERY)?;
    let saved = match &subject.saved_query {
        Some(id) => queries.memory.get(&format!("/query/saved_queries/{id}")).ok_or(NOT_FOUND)?,
        None => json!({ "leql": { "statement": parameters.query.as_deref().unwrap_or_default(), "during": {} } }),
    };
    let mut during = saved["leql"]["during"].as_object().cloned().unwrap_or_default();
    for (name, time) in [
        ("from", parameters.from.map(Value::from)),
        ("to", parameters.to.map(Value::from)),
        ("time_range", parameters.time_range.map(Value::from)),
    ] {
        during.extend(time.map(|time| (name.to_owned(), time)));
    }
    let leql = json!({ "statement": saved["leql"]["statement"].as_str().unwrap_or_default(), "during": during });
    let logs = match (subject.logs.or(parameters.log_keys), saved.get("logs")) {
        (Some(logs), _) => logs.split(':').collect(),
        (None, Some(logs)) => logs.clone(),
        (None, None) => queries.logs_of_sets(subject.log_set, raw.as_deref().unwrap_or_default())?,
    };
    queries.start(&links, Running::new(logs, leql, parameters.per_page))
}

async fn poll(
    State(queries): State<Queries>,
    Path(id): Path<String>,
    parameters: ParametersOf,
    links: Links,
) -> Answer {
    let Query(Parameters { sequence_number, .. }) = parameters.map_err(|_| INVALID_QUERY)?;
    let (running, polls) = queries.polled(&id).ok_or(NOT_FOUND)?;
    let itself = format!("{}/{id}", queries.path);
    let to_itself = links.to("Self", &itself);
    let answer = match polls {
        _ if queries.is_live => running.news(polls, to_itself),
        // The API answers with 200 while it runs, too.
        ..POLLS => running.unfinished(&id, polls * 100 / POLLS, to_itself),
        _ => running
            .page(sequence_number.unwrap_or(1), |end| links.to("Next", &format!("{itself}?sequence_number={end}"))),
    };
    Ok((StatusCode::OK, Json(answer)))
}

impl Queries {
    /// A live tail has news at once. Another query is answered later.
    fn start(&self, links: &Links, running: Running) -> Answer {
        let id = Uuid::new_v4();
        let itself = links.to("Self", &format!("{}/{id}", self.path));
        let (status, answer) = match self.is_live {
            true => (StatusCode::OK, running.news(0, itself)),
            false => (StatusCode::ACCEPTED, running.unfinished(&id.to_string(), 0, itself)),
        };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, running);
        Ok((status, Json(answer)))
    }

    /// Counts a poll of a query.
    fn polled(&self, id: &str) -> Option<(Running, u64)> {
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = all.get_mut(&id.parse().ok()?)?;
        Some((running.clone(), running.count_poll()))
    }

    /// Returns the logs of a log set, or of those that the parameters `logset_name` name.
    fn logs_of_sets(&self, id: Option<String>, parameters: &str) -> Result<Value, Refusal> {
        let named = form_urlencoded::parse(parameters.as_bytes()).filter(|(name, _)| name == "logset_name");
        let wanted: Vec<(&str, String)> = match id {
            Some(id) => vec![("id", id)],
            None => named.map(|(_, name)| ("name", name.into_owned())).collect(),
        };
        let sets = self.memory.list(LOG_SETS);
        let find = |(member, text): &(&str, String)| sets.iter().find(|set| set[*member] == **text).ok_or(NOT_FOUND);
        let found = wanted.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() {
            return Err(INVALID_QUERY);
        }
        let is_in = |log: &Value| found.iter().any(|set| contains(&set["logs_info"], &log["id"]));
        Ok(self.memory.list(LOGS).iter().filter(|log| is_in(log)).map(|log| log["id"].clone()).collect())
    }
}

fn contains(list: &Value, id: &Value) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|entry| entry["id"] == *id))
}

/// Makes links to where they are told to lead, or to where the request came in.
struct Links {
    base: String,
}

impl Links {
    fn to(&self, rel: &str, path: &str) -> Value {
        json!({ "rel": rel, "href": format!("{}{path}", self.base) })
    }
}

impl FromRequestParts<Queries> for Links {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, queries: &Queries) -> Result<Self, Refusal> {
        if let Some(base) = &queries.links_to {
            return Ok(Self { base: base.to_string() });
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let prefix = parts.extensions.get::<Prefix>().map_or("", |prefix| prefix.0);
        Ok(Self { base: format!("http://{host}{prefix}") })
    }
}
