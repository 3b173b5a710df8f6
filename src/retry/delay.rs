//! The wait before another attempt: what the server asks for, with jitter, and the future that completes after it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::util::rng::{HasherRng, Rng};

use crate::scheme::single_value;

/// Parses Retry-After, if there is exactly one: a number of seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = single_value(headers, RETRY_AFTER).ok()??.to_str().ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // The date was set by the server's own clock, and ours may be off.
    let date = single_value(headers, DATE).ok().flatten().and_then(|date| date.to_str().ok());
    let now = date.and_then(|date| httpdate::parse_http_date(date).ok()).or_else(now_here)?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn now_here() -> Option<SystemTime> {
    // wasm32-unknown-unknown has no clock.
    (!cfg!(all(target_family = "wasm", target_os = "unknown"))).then(SystemTime::now)
}

/// Adds up to a tenth, and at least a hundredth: after a second, a system clock that is being slowed down has moved on
/// by a second too.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.saturating_add((wait / 10).mul_f64(0.1 + 0.9 * HasherRng::new().next_f64()))
}

pin_project! {
    /// Future that completes when a request is due to be sent again.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryDelay {
        #[pin]
        sleep: Sleep,
    }
}

impl RetryDelay {
    pub(super) fn new(wait: Duration) -> Self {
        Self { sleep: sleep(wait) }
    }
}

impl Future for RetryDelay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}
