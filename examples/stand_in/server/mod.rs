//! The server of the stand-in, as a router that other programs can embed.
//!
//! A request takes these steps: `mod.rs` verifies its key, `rate_limit` counts it, `paths` finds the one spelling of its
//! path. `collections`, `queries` and `usage` answer what clients use, `operations` everything else.

mod collections;
mod defaults;
mod log_sets;
mod memory;
mod operations;
mod paths;
mod queries;
mod rate_limit;
mod refusal;
mod running;
mod usage;

use std::time::{Duration, SystemTime};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Request},
    http::{HeaderValue, header::DATE},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};

pub(crate) use self::rate_limit::RateLimit;
use self::{memory::Memory, rate_limit::Limiter};

/// The length of the largest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

pub(crate) struct Settings {
    pub(crate) verify: LogentriesVerifyLayer<Credentials>,
    /// How many seconds the clock is ahead.
    pub(crate) clock_offset: i64,
    pub(crate) latency: Duration,
    pub(crate) rate_limit: Option<RateLimit>,
    /// Where the links of queries lead. The host that was asked by default.
    pub(crate) links_to: Option<String>,
}

impl Settings {
    pub(crate) fn new(verify: LogentriesVerifyLayer<Credentials>) -> Self {
        Self { verify, clock_offset: 0, latency: Duration::ZERO, rate_limit: None, links_to: None }
    }
}

/// Creates the server: all resources, at the root and below `/log_search`, behind the verifying layer.
pub(crate) fn app(settings: Settings) -> Router {
    let Settings { verify, clock_offset, latency, rate_limit, links_to } = settings;
    let clock = move || clock_ahead_by(clock_offset);
    let api = resources(links_to)
        .layer(from_fn_with_state(Limiter::new(rate_limit), rate_limit::limit))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    // Each layer is outside the ones above it.
    Router::new()
        .fallback_service(ServiceBuilder::new().map_request(paths::normalize).service(api))
        .layer(verify.clock(clock).body_limit(BODY_LIMIT))
        .layer(map_response(move |response: Response| async move { dated(response, clock()) }))
        .layer(from_fn(move |request: Request, next: Next| async move {
            tokio::time::sleep(latency).await;
            next.run(request).await
        }))
}

fn resources(links_to: Option<String>) -> Router {
    let memory = Memory::with_a_log_and_an_export();
    Router::new()
        .merge(collections::routes(&memory))
        .merge(queries::routes(memory, links_to))
        .merge(usage::routes())
        .route("/management/accounts/{account}", get(account))
        .route("/management/accounts/{account}/owners", get(owners))
        .route("/management/organizations/apikeys", get(organization_api_keys))
        .fallback(operations::answer)
        .method_not_allowed_fallback(operations::answer)
}

fn clock_ahead_by(seconds: i64) -> SystemTime {
    let offset = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - offset } else { SystemTime::now() + offset }
}

/// Sets the Date by the clock of the stand-in, as a server does whose clock is off.
fn dated(mut response: Response, now: SystemTime) -> Response {
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

async fn account(Path(account): Path<String>) -> Json<Value> {
    Json(json!({ "account": { "id": account, "name": "Stand-in" } }))
}

async fn owners() -> Json<Value> {
    let owner = json!({ "id": "owner", "first_name": "Jane", "last_name": "Smyth", "email": "jane@smyth.com" });
    Json(json!({ "owners": [owner] }))
}

async fn organization_api_keys() -> Json<Value> {
    let key = |name, access| json!({ "id": name, "name": name, "key_type": access, "active": true });
    Json(json!({ "apikeys": [key("reports", "read-only"), key("deployment", "read-write")] }))
}
