//! The wait before another attempt: what the server asks for, jitter, and the future that completes after it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use tokio::time::{Sleep, sleep};
use tower::util::rng::{HasherRng, Rng};

use crate::scheme::single_value;

/// Parses Retry-After, if there is exactly one: a number of seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| single_value(headers, name).ok()??.to_str().ok();
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let after = text(RETRY_AFTER)?;
    if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
    }
    // The date was set by the server's own clock, and ours may be off.
    let now = text(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    Some(date(after)?.duration_since(now).unwrap_or_default())
}

/// Adds between a hundredth and a tenth. With the hundredth, a wait of a second also lasts a second by a system clock
/// that is being slowed down.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.saturating_add((wait / 10).mul_f64(0.1 + 0.9 * random()))
}

/// Returns a number between 0 and 1. Each call has its own seed: clones of one generator would all draw the same.
pub(super) fn random() -> f64 {
    HasherRng::new().next_f64()
}

/// Future that completes when a request is due to be sent again.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RetryDelay {
    sleep: Pin<Box<Sleep>>,
}

impl RetryDelay {
    pub(super) fn new(wait: Duration) -> Self {
        Self { sleep: Box::pin(sleep(wait)) }
    }
}

impl Future for RetryDelay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}
