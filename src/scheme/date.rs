//! Dates as the scheme signs them: IMF-fixdate (RFC 9110, section 5.6.7), such as `Thu, 17 Aug 2017 20:16:24 GMT`.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use http::header::DATE;
use http::{HeaderMap, HeaderValue};

use super::single_value;

/// The last second of the year 9999, the last that an HTTP date can name, in seconds since 1970.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

thread_local! {
    /// The date that was formatted or parsed last: most requests of one second share it.
    static LAST: RefCell<(u64, HeaderValue)> =
        const { RefCell::new((0, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))) };
}

/// Formats a number of seconds since 1970, or returns `None` after the year 9999.
pub(crate) fn format_date(second: u64) -> Option<HeaderValue> {
    // httpdate panics past the year 9999.
    let time = (second <= LAST_SECOND).then(|| UNIX_EPOCH + Duration::from_secs(second))?;
    LAST.with_borrow_mut(|(formatted, date)| {
        if *formatted != second {
            *date = HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("a date is visible ASCII");
            *formatted = second;
        }
        Some(date.clone())
    })
}

/// Parses an IMF-fixdate. Other forms, a wrong day of the week and the like are `None`.
pub(crate) fn parse_date(date: &HeaderValue) -> Option<u64> {
    if let Some(second) = LAST.with_borrow(|(second, last)| (last == date).then_some(*second)) {
        return Some(second);
    }
    let time = httpdate::parse_http_date(date.to_str().ok()?).ok()?;
    let second = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // httpdate also parses the two obsolete forms, and ignores whitespace around a date.
    (format_date(second)? == date).then_some(second)
}

/// Parses the Date header, if there is exactly one.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<u64> {
    parse_date(single_value(headers, DATE).ok()??)
}
