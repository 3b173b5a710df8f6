//! How much data the logs took, and the data itself.

use std::convert::Infallible;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{FromRequestParts, Path, Query, rejection::QueryRejection},
    http::request::Parts,
    routing::get,
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Date, Duration, OffsetDateTime, format_description::well_known::Iso8601};

use super::refusal::{INVALID_QUERY, Refusal};

const BYTES_A_DAY: u64 = 129_600_000;
/// How many days a report has at most.
const MAX_DAYS: usize = 366;
/// How many logs can be downloaded at once.
const MAX_LOGS: usize = 10;
const EVENTS: usize = 1000;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/usage/organizations", get(async |days: Days| Json(days.usage("stand-in"))))
        .route("/usage/accounts/{account}", get(async |Path(id): Path<String>, days: Days| Json(days.usage(&id))))
        .route("/usage/organizations/logs", get(async |days: Days| Json(days.usage_of_logs())))
        .route(
            "/usage/organizations/logs/{log}",
            get(async |Path(id): Path<String>, days: Days| Json(days.usage_of_log(&id))),
        )
        .route("/download/logs", get(download))
        .route("/download/logs/{logs}", get(download))
}

/// The days that a report is about: from one to another, or the last ten.
struct Days(Vec<String>);

#[derive(Deserialize)]
struct Period {
    from: Option<String>,
    to: Option<String>,
}

impl Days {
    fn of(Period { from, to }: Period) -> Option<Self> {
        let day = |text: &str| Date::parse(text, &Iso8601::DATE).ok();
        let to = to.map_or_else(|| Some(OffsetDateTime::now_utc().date()), |to| day(&to))?;
        let from = from.map_or_else(|| to.checked_sub(Duration::days(9)), |from| day(&from))?;
        let days = std::iter::successors(Some(from), |day| day.next_day()).take_while(|day| *day <= to);
        let days: Vec<_> = days.take(MAX_DAYS + 1).map(|day| day.to_string()).collect();
        (1..=MAX_DAYS).contains(&days.len()).then_some(Self(days))
    }

    fn period(&self) -> Value {
        json!({ "from": self.0.first(), "to": self.0.last() })
    }

    fn daily_usage(&self) -> Value {
        self.0.iter().map(|day| json!({ "day": day, "usage": BYTES_A_DAY })).collect()
    }

    fn usage(&self, id: &str) -> Value {
        json!({
            "id": id, "name": "Stand-in", "period": self.period(),
            "daily_usage": self.daily_usage(), "period_usage": BYTES_A_DAY * self.0.len() as u64,
        })
    }

    fn usage_of_log(&self, id: &str) -> Value {
        json!({ "usage": { "id": id, "period": self.period(), "daily_usage": self.daily_usage() } })
    }

    fn usage_of_logs(&self) -> Value {
        let logs = json!([{ "id": "web", "usage": BYTES_A_DAY }]);
        let usage: Value = self.0.iter().map(|day| json!({ "interval": day, "log_usage": logs })).collect();
        let report = json!({
            "usage": usage, "period": self.period(), "usage_units": "bytes", "report_interval": "day",
        });
        json!({ "per_day_usage": report })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Days {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Query(period) = Query::from_request_parts(parts, state).await.map_err(|_| INVALID_QUERY)?;
        Self::of(period).ok_or(INVALID_QUERY)
    }
}

#[derive(Deserialize)]
struct Download {
    from: Option<u64>,
    time_range: Option<String>,
    limit: Option<usize>,
}

/// Streams events as lines of text, in chunks.
async fn download(
    logs: Option<Path<String>>,
    parameters: Result<Query<Download>, QueryRejection>,
) -> Result<Body, Refusal> {
    let Query(Download { from, time_range, limit }) = parameters.map_err(|_| INVALID_QUERY)?;
    let logs = logs.map_or(0, |Path(logs)| logs.split(':').count());
    if from.is_none() && time_range.is_none() || logs > MAX_LOGS {
        return Err(INVALID_QUERY);
    }
    let events = (1..=EVENTS.min(limit.unwrap_or(EVENTS))).map(|number| format!("event {number}: GET / 200\n"));
    Ok(Body::from_stream(stream::iter(events.map(|event| Ok::<_, Infallible>(Bytes::from(event))))))
}
