//! Credentials, dates and content types of a signed request, against the wire rules.

use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;

use super::{KEY_ID, METHODS, NOW, OWNER_KEY, parse, signature, verify};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    method: u8,
    date: Date<'a>,
    credential: Credential<'a>,
    content_types: Vec<&'a str>,
    body: &'a [u8],
}

#[derive(Debug, Arbitrary)]
enum Date<'a> {
    Off(i16),
    Text(&'a str),
    Twice,
    None,
}

#[derive(Debug, Arbitrary)]
enum Credential<'a> {
    Good,
    Of { id: &'a str, key: &'a str },
    Text(&'a [u8]),
    None,
}

pub fn run(data: &[u8]) {
    let Some(input) = parse::<Input<'_>>(data) else { return };
    let method = METHODS[usize::from(input.method) % METHODS.len()];
    let path = "/management/accounts/7/users";
    let dates = match input.date {
        Date::Off(seconds) => vec![httpdate::fmt_http_date(second(NOW.saturating_add_signed(seconds.into())))],
        Date::Text(text) => vec![text.to_owned()],
        Date::Twice => vec![httpdate::fmt_http_date(second(NOW)); 2],
        Date::None => vec![],
    };
    let date = dates.first().map_or("", String::as_str);
    let content_type = input.content_types.first().copied().unwrap_or_default();
    let good = format!("{KEY_ID}:{}", signature(OWNER_KEY, method, content_type, date, path, input.body));
    let credential = match input.credential {
        Credential::Good => Some(good.clone().into_bytes()),
        Credential::Of { id, key } => {
            Some(format!("{id}:{}", signature(key, method, content_type, date, path, input.body)).into_bytes())
        }
        Credential::Text(text) => Some(text.to_vec()),
        Credential::None => None,
    };

    let mut request = Request::builder().method(method).uri(path);
    for date in &dates {
        request = request.header("date", date);
    }
    for content_type in &input.content_types {
        request = request.header("content-type", *content_type);
    }
    if let Some(credential) = &credential {
        request = request.header("authorization-api-key", &**credential);
    }
    let Ok(request) = request.body(Full::new(Bytes::copy_from_slice(input.body))) else { return };

    let is_good = is_signable(method)
        && credential.as_deref() == Some(good.as_bytes())
        && dates.len() == 1
        && is_within_tolerance(date)
        && input.content_types.len() <= 1
        && input.content_types.iter().all(|value| !value.is_empty() && is_text(value));
    let result = verify(request);
    assert_eq!(result.is_ok(), is_good, "{result:?}");
    if let Ok(request) = result {
        assert_eq!(request.body(), input.body);
    }
}

fn second(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn is_signable(method: &str) -> bool {
    !["PURGE", "get"].contains(&method)
}

/// An IMF-fixdate (RFC 9110, section 5.6.7) within five minutes.
fn is_within_tolerance(date: &str) -> bool {
    let Ok(time) = httpdate::parse_http_date(date) else { return false };
    httpdate::fmt_http_date(time) == date
        && time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|time| time.as_secs().abs_diff(NOW) <= 300)
}

/// Visible ASCII, spaces and tabs.
fn is_text(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok_and(|value| value.to_str().is_ok())
}
