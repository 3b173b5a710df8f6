//! The forms in which clients write a date.

use http::HeaderValue;

use crate::scheme::parse_date;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns an IMF-fixdate (RFC 9110, section 5.6.7) in other forms, or `None` for any other date.
pub(super) fn other_forms(date: &HeaderValue) -> Option<Vec<String>> {
    let (seconds, date) = (parse_date(date)?, date.to_str().ok()?);
    let (weekday, day, after_day) = (date.get(..5)?, date.get(5..7)?, date.get(7..)?);
    let (without_zone, year, clock) = (date.get(..25)?, date.get(12..16)?, date.get(17..25)?);
    let month = MONTHS.iter().position(|month| date.get(8..11) == Some(month))? + 1;
    let unpadded = day.trim_start_matches('0');
    let iso = format!("{year}-{month:02}-{day}T{clock}");
    Some(vec![
        format!("{iso}Z"),
        format!("{iso}.000Z"),                        // JavaScript
        format!("{iso}+00:00"),                       // Python
        format!("{without_zone} +0000"),              // `%z` of strftime
        format!("{without_zone} -0000"),              // Python's `formatdate`
        format!("{without_zone} UTC"),                // Go
        format!("{weekday}{unpadded:>2}{after_day}"), // `%e` of strftime
        format!("{weekday}{unpadded}{after_day}"),
        seconds.to_string(),
        format!("{seconds}000"),
        iso,
    ])
}
