//! Queries, which are done after a few polls, and live tails, which never are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, OriginalUri, Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header::HOST, request::Parts},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    collections::Memory,
    refusal::{INVALID_BODY, INVALID_QUERY, JsonBody, NOT_FOUND, Refusal},
};

/// How often a query is polled until it is done.
const POLLS: u64 = 2;
/// How many events each query finds.
const EVENTS: u64 = 60;
const EVENTS_PER_PAGE: u64 = 50;
/// The time range of a query that names no times.
const LAST_20_MINUTES: u64 = 20 * 60 * 1000;

pub(super) fn routes(memory: Memory, links_to: Option<String>) -> Router {
    let links_to: Option<Arc<str>> = links_to.map(Arc::from);
    let under = |path: &'static str, is_live| {
        let queries =
            Queries { path, is_live, memory: memory.clone(), links_to: links_to.clone(), running: Arc::default() };
        Router::new()
            .route(&format!("{path}/logs"), post(start_by_post))
            .route(&format!("{path}/logs/{{logs}}"), get(start_by_get))
            .route(&format!("{path}/logs/{{logs}}/{{saved_query}}"), get(start_by_get))
            .route(&format!("{path}/saved_query/{{saved_query}}"), get(start_by_get))
            .route(&format!("{path}/{{id}}"), get(poll))
            .with_state(queries)
    };
    under("/query", false).merge(under("/query/live", true)).merge(under("/audit/query", false))
}

#[derive(Clone)]
struct Queries {
    path: &'static str,
    is_live: bool,
    memory: Memory,
    links_to: Option<Arc<str>>,
    running: Arc<Mutex<HashMap<Uuid, Running>>>,
}

/// A query that was started, and how often it was polled.
#[derive(Clone)]
struct Running {
    logs: Value,
    leql: Value,
    per_page: u64,
    polls: u64,
}

/// What the path of a query by GET names.
#[derive(Deserialize)]
struct Subject {
    logs: Option<String>,
    saved_query: Option<String>,
}

#[derive(Deserialize)]
struct Parameters {
    query: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    time_range: Option<String>,
    per_page: Option<u64>,
    sequence_number: Option<u64>,
}

type ParametersOf = Result<Query<Parameters>, QueryRejection>;
type Answer = Result<(StatusCode, Json<Value>), Refusal>;

async fn start_by_post(State(queries): State<Queries>, links: Links, JsonBody(mut body): JsonBody) -> Answer {
    let (logs, leql) = (body["logs"].take(), body["leql"].take());
    let has_logs = logs.as_array().is_some_and(|logs| !logs.is_empty());
    let has_query = leql["statement"].is_string() && leql["during"].is_object();
    if !has_logs || !(has_query || queries.is_live) {
        return Err(INVALID_BODY);
    }
    queries.start(&links, Running { logs, leql, per_page: EVENTS_PER_PAGE, polls: 0 })
}

async fn start_by_get(
    State(queries): State<Queries>,
    Path(Subject { logs, saved_query }): Path<Subject>,
    parameters: ParametersOf,
    links: Links,
) -> Answer {
    let Query(parameters) = parameters.map_err(|_| INVALID_QUERY)?;
    let saved = match saved_query {
        Some(id) => queries.memory.get(&format!("/query/saved_queries/{id}")).ok_or(NOT_FOUND)?,
        None => json!({ "leql": { "statement": parameters.query.unwrap_or_default(), "during": {} } }),
    };
    let mut leql = saved["leql"].clone();
    for (name, time) in [
        ("from", parameters.from.map(Value::from)),
        ("to", parameters.to.map(Value::from)),
        ("time_range", parameters.time_range.map(Value::from)),
    ] {
        if let Some(time) = time {
            leql["during"][name] = time;
        }
    }
    let logs = logs.map_or_else(|| saved["logs"].clone(), |logs| logs.split(':').collect());
    queries.start(&links, Running { logs, leql, per_page: parameters.per_page.unwrap_or(EVENTS_PER_PAGE), polls: 0 })
}

async fn poll(
    State(queries): State<Queries>,
    Path(id): Path<String>,
    parameters: ParametersOf,
    links: Links,
) -> Answer {
    let Query(Parameters { sequence_number, .. }) = parameters.map_err(|_| INVALID_QUERY)?;
    let running = {
        let mut all = queries.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = id.parse().ok().and_then(|id: Uuid| all.get_mut(&id)).ok_or(NOT_FOUND)?;
        running.polls += 1;
        running.clone()
    };
    let itself = format!("{}/{id}", queries.path);
    Ok(match running.polls {
        polls if queries.is_live => (StatusCode::OK, Json(running.news(polls, links.to("Self", &itself)))),
        // A poll is answered with 200 either way. The API's pages have both "Self" and "self".
        polls @ ..POLLS => {
            (StatusCode::OK, Json(running.unfinished(&id, polls * 100 / POLLS, links.to("self", &itself))))
        }
        _ => (StatusCode::OK, Json(running.page(sequence_number.unwrap_or(1), &links, &itself))),
    })
}

impl Queries {
    fn start(&self, links: &Links, running: Running) -> Answer {
        let id = Uuid::new_v4();
        let itself = links.to("Self", &format!("{}/{id}", self.path));
        let answer = running.unfinished(&id.to_string(), 0, itself);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, running);
        Ok((StatusCode::ACCEPTED, Json(answer)))
    }
}

impl Running {
    fn unfinished(&self, id: &str, progress: u64, link: Value) -> Value {
        let Self { logs, leql, .. } = self;
        json!({ "logs": logs, "id": id, "progress": progress, "query": leql, "links": [link] })
    }

    /// Returns the events from this number on and a link to the next ones, or the statistics of a calculation.
    fn page(&self, first: u64, links: &Links, itself: &str) -> Value {
        let Self { logs, leql, per_page, .. } = self;
        let (from, to) = self.times();
        if leql["statement"].as_str().is_some_and(|statement| statement.contains("calculate(")) {
            return json!({ "logs": logs, "leql": leql, "statistics": statistics(from, to) });
        }
        let end = first.saturating_add(*per_page).min(EVENTS + 1);
        let time = |number: u64| from + to.saturating_sub(from) / EVENTS * number;
        let events: Vec<_> = (first..end).map(|number| self.event(time(number), number)).collect();
        let mut page = json!({ "logs": logs, "leql": leql, "events": events });
        if end <= EVENTS && end > first {
            page["links"] = json!([links.to("Next", &format!("{itself}?sequence_number={end}"))]);
        }
        page
    }

    /// Returns what came since the last poll of a live tail: one event.
    fn news(&self, number: u64, link: Value) -> Value {
        let Self { logs, leql, .. } = self;
        json!({ "logs": logs, "leql": leql, "events": [self.event(now(), number)], "links": [link] })
    }

    fn event(&self, time: u64, number: u64) -> Value {
        let log = &self.logs[number as usize % self.logs.as_array().map_or(1, |logs| logs.len().max(1))];
        json!({
            "timestamp": time, "sequence_number": number, "log_id": log, "labels": [],
            "message": format!("event {number}: GET / 200"),
        })
    }

    fn times(&self) -> (u64, u64) {
        let during = &self.leql["during"];
        let to = during["to"].as_u64().unwrap_or_else(now);
        (during["from"].as_u64().unwrap_or_else(|| to.saturating_sub(LAST_20_MINUTES)), to)
    }
}

fn statistics(from: u64, to: u64) -> Value {
    json!({
        "from": from, "to": to, "count": EVENTS, "groups": [],
        "stats": { "global_timeseries": { "count": EVENTS } },
        "timeseries": { "global_timeseries": vec![json!({ "count": EVENTS / 10 }); 10] },
    })
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_millis) as u64
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
        let whole = parts.extensions.get::<OriginalUri>().map_or("", |uri| uri.path());
        let prefix = whole.strip_suffix(parts.uri.path()).unwrap_or_default();
        Ok(Self { base: format!("http://{host}{prefix}") })
    }
}
