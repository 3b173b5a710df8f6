//! The clock of a layer, and the text of a date.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, header::DATE};

use crate::headers::single_value;

/// The last second of the year 9999, the last that an HTTP date can name, in seconds since 1970.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// The clock of a layer: the system's, or a custom one.
#[derive(Clone, Default)]
pub(crate) struct Clock {
    custom: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
    #[cfg(test)]
    custom_instant: Option<Arc<dyn Fn() -> Instant + Send + Sync>>,
}

impl Clock {
    pub(crate) fn new(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            custom: Some(Arc::new(clock)),
            #[cfg(test)]
            custom_instant: None,
        }
    }

    /// Replaces the monotonic clock, so that hours can pass in a test.
    #[cfg(test)]
    pub(crate) fn with_instant(mut self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.custom_instant = Some(Arc::new(clock));
        self
    }

    /// Returns whole seconds since 1970, or `None` before it and after the year 9999.
    pub(crate) fn now(&self) -> Option<u64> {
        u64::try_from(self.secs()).ok().filter(|second| *second <= LAST_SECOND)
    }

    /// Returns whole seconds since 1970, whatever the clock says.
    pub(crate) fn secs(&self) -> i64 {
        let now = self.custom.as_ref().map_or_else(SystemTime::now, |clock| clock());
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs - 1),
        }
    }

    /// Returns the time of the monotonic clock, if there is one: wasm32-unknown-unknown has none.
    #[cfg_attr(not(test), allow(clippy::unused_self))]
    pub(crate) fn instant(&self) -> Option<Instant> {
        #[cfg(test)]
        if let Some(instant) = &self.custom_instant {
            return Some(instant());
        }
        (!cfg!(all(target_family = "wasm", target_os = "unknown"))).then(Instant::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.custom.is_some() { "Clock(custom)" } else { "Clock(system)" })
    }
}

/// Formats `second` as an IMF-fixdate (RFC 9110, section 5.6.7), such as `Thu, 17 Aug 2017 20:16:24 GMT`.
pub(crate) fn format_date(second: u64) -> Option<HeaderValue> {
    // httpdate panics past the year 9999.
    (second <= LAST_SECOND)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second)))
        .and_then(|date| HeaderValue::try_from(date).ok())
}

/// Parses an IMF-fixdate. Other forms, a wrong day of the week and the like are `None`.
pub(crate) fn parse_date(date: &str) -> Option<u64> {
    let second = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // httpdate also parses the two obsolete forms: only what it writes itself is accepted.
    (format_date(second)? == date).then_some(second)
}

/// Parses Date headers, and remembers the last: most requests of one second have the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateParser {
    last: Arc<Mutex<Option<ParsedDate>>>,
}

#[derive(Debug, Clone, Copy)]
struct ParsedDate {
    // A copy, because a header's value keeps the buffer that it was read into.
    text: [u8; 29],
    second: u64,
}

impl DateParser {
    /// Parses the value of a Date header.
    pub(crate) fn parse(&self, date: &HeaderValue) -> Option<u64> {
        let text: [u8; 29] = date.as_bytes().try_into().ok()?;
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last().filter(|last| last.text == text) {
            return Some(known.second);
        }
        let second = parse_date(date.to_str().ok()?)?;
        *last() = Some(ParsedDate { text, second });
        Some(second)
    }
}

/// Parses the Date header, if there is exactly one.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<u64> {
    parse_date(single_value(headers, &DATE).ok()??.to_str().ok()?)
}
