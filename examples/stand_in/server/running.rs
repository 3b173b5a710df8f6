//! The answers to a query while it runs and when it is done. They have the same events whatever its statement filters.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// How many events each query finds.
const EVENTS: u64 = 60;
const EVENTS_PER_PAGE: u64 = 50;
/// The time range of a query that names no times.
const LAST_20_MINUTES: u64 = 20 * 60 * 1000;

/// A query that was started, and how often it was polled.
#[derive(Clone)]
pub(super) struct Running {
    logs: Value,
    leql: Value,
    per_page: u64,
    polls: u64,
}

impl Running {
    pub(super) fn new(logs: Value, leql: Value, per_page: Option<u64>) -> Self {
        Self { logs, leql, per_page: per_page.unwrap_or(EVENTS_PER_PAGE), polls: 0 }
    }

    pub(super) fn count_poll(&mut self) -> u64 {
        self.polls += 1;
        self.polls
    }

    pub(super) fn unfinished(&self, id: &str, progress: u64, link: Value) -> Value {
        let Self { logs, leql, .. } = self;
        json!({ "logs": logs, "leql": leql, "id": id, "progress": progress, "events": [], "links": [link] })
    }

    /// Returns the events from this number on and a link to the next ones, or the statistics of a calculation. The last
    /// page has no links at all: clients take the first one wherever there are some.
    pub(super) fn page(&self, first: u64, next: impl Fn(u64) -> Value) -> Value {
        let Self { logs, leql, per_page, .. } = self;
        let (from, to) = self.times();
        let statement = leql["statement"].as_str().unwrap_or_default();
        if ["calculate(", "groupby("].iter().any(|function| statement.contains(function)) {
            return json!({ "logs": logs, "leql": leql, "statistics": statistics(statement, from, to) });
        }
        let end = first.saturating_add(*per_page).min(EVENTS + 1);
        let time = |number: u64| from + to.saturating_sub(from) / EVENTS * number;
        let events: Vec<_> = (first..end).map(|number| self.event(time(number), number)).collect();
        let mut page = json!({ "logs": logs, "leql": leql, "events": events });
        if end <= EVENTS && end > first {
            page["links"] = json!([next(end)]);
        }
        page
    }

    /// Returns what came since the last poll of a live tail: one event, or none yet.
    pub(super) fn news(&self, number: u64, link: Value) -> Value {
        let Self { logs, leql, .. } = self;
        let events: Vec<_> = (number..=number).filter(|number| *number > 0).map(|n| self.event(now(), n)).collect();
        json!({ "logs": logs, "leql": leql, "events": events, "links": [link] })
    }

    /// An event of a web server, which logs JSON: some clients parse it.
    fn event(&self, time: u64, number: u64) -> Value {
        let logs = self.logs.as_array().map_or(&[][..], Vec::as_slice);
        let log = logs.get(number as usize % logs.len().max(1)).and_then(Value::as_str).unwrap_or_default();
        json!({
            "timestamp": time, "sequence_number": number, "sequence_number_str": number.to_string(),
            "log_id": log, "labels": [], "links": [],
            "message": json!({ "message": format!("event {number}: GET / 200"), "status": 200 }).to_string(),
        })
    }

    fn times(&self) -> (u64, u64) {
        let during = &self.leql["during"];
        let to = during["to"].as_u64().unwrap_or_else(now);
        (during["from"].as_u64().unwrap_or_else(|| to.saturating_sub(LAST_20_MINUTES)), to)
    }
}

/// The statistics of a calculation, or of the one group that all events are in.
fn statistics(statement: &str, from: u64, to: u64) -> Value {
    let total = json!({ "count": EVENTS });
    let parts = vec![json!({ "count": EVENTS / 10 }); 10];
    let is_grouped = statement.contains("groupby(");
    let (groups, groups_timeseries, timeseries) = match is_grouped {
        true => (json!([{ "200": total }]), json!([{ "200": { "series": parts } }]), json!({})),
        false => (json!([]), json!([]), json!({ "global_timeseries": parts })),
    };
    json!({
        "from": from, "to": to, "count": EVENTS, "type": "count", "status": 200, "granularity": to.saturating_sub(from) / 10,
        "cardinality": u64::from(is_grouped), "all_exact_results": true, "others": {},
        "stats": { "global_timeseries": total }, "timeseries": timeseries,
        "groups": groups, "groups_timeseries": groups_timeseries,
    })
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_millis) as u64
}
