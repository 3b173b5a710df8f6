//! Limits of the requests that a key may send to an endpoint in a window, with the API's headers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::refusal::TOO_MANY_REQUESTS;

#[derive(Clone, Copy)]
pub(crate) struct RateLimit {
    pub(crate) requests: u32,
    pub(crate) window: Duration,
}

#[derive(Clone)]
pub(super) struct Limiter {
    limit: Option<RateLimit>,
    windows: Arc<Mutex<HashMap<String, Window>>>,
}

struct Window {
    end: Instant,
    requests: u32,
}

impl Limiter {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, windows: Arc::default() }
    }

    /// Counts a request. Returns how many more may follow in its window, or `None` if it is one too many itself, and when
    /// the window ends.
    fn count(&self, limit: RateLimit, who: String) -> (Option<u32>, Duration) {
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(who).or_insert(Window { end: now, requests: 0 });
        if window.end <= now {
            *window = Window { end: now + limit.window, requests: 0 };
        }
        let remaining = limit.requests.checked_sub(window.requests + 1);
        window.requests += u32::from(remaining.is_some());
        (remaining, window.end - now)
    }
}

/// Passes a request on, or answers 429 with `Retry-After`.
pub(super) async fn limit(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let Some(limit) = limiter.limit else { return next.run(request).await };
    let (remaining, left) = limiter.count(limit, key_and_endpoint(&request));
    // Rounded up: it must not be over before the window is.
    let reset = left.as_millis().div_ceil(1000) as u64;
    let mut response = match remaining {
        Some(_) => next.run(request).await,
        None => ([(RETRY_AFTER, reset)], TOO_MANY_REQUESTS).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", limit.requests.into());
    headers.insert("x-ratelimit-remaining", remaining.unwrap_or(0).into());
    headers.insert("x-ratelimit-reset", reset.into());
    response
}

/// The key of a verified request, and the route that it takes.
fn key_and_endpoint(request: &Request) -> String {
    let text = |name| text(request.headers(), name);
    let key = match text("x-api-key") {
        "" => text("authorization-api-key").split(':').next().unwrap_or_default(),
        key => key,
    };
    let route = request.extensions().get::<MatchedPath>().map_or(request.uri().path(), MatchedPath::as_str);
    format!("{key} {} {route}", request.method())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value: &HeaderValue| value.to_str().unwrap_or_default())
}
