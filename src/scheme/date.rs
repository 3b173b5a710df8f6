//! Dates as the scheme signs them: IMF-fixdate (RFC 9110, section 5.6.7), such as `Thu, 17 Aug 2017 20:16:24 GMT`.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use http::header::DATE;
use http::{HeaderMap, HeaderValue};

use super::single_value;

/// The last second of the year 9999, the last that an HTTP date can name, in seconds since 1970.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// The length of an IMF-fixdate, in bytes.
const LEN: usize = 29;

thread_local! {
    /// The date that was formatted last: most requests of one second share it. hyper caches its own the same way.
    static LAST: RefCell<(u64, HeaderValue)> = const { RefCell::new((u64::MAX, HeaderValue::from_static(""))) };
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
pub(crate) fn parse_date(date: &[u8]) -> Option<u64> {
    // httpdate also parses the two obsolete forms, which have another length or end.
    let is_fixdate = date.len() == LEN && date.ends_with(b" GMT");
    let date = str::from_utf8(date).ok().filter(|_| is_fixdate)?;
    Some(httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Parses the Date header, if there is exactly one.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<u64> {
    parse_date(single_value(headers, DATE).ok()??.as_bytes())
}
