//! The path check and the table, against a table and a reader of their own, and against axum's router.

use arbitrary::Arbitrary;
use axum::{Router, routing::any};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tower::ServiceExt;
use tower_logentries_auth::{Access, LogentriesVerifyLayer};

use super::{METHODS, READ_WRITE_KEY, block_on, credentials, now, parse, verify};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    method: u8,
    path: &'a str,
}

pub fn run(data: &[u8]) {
    let Some(Input { method, path }) = parse(data) else { return };
    let method: Method = METHODS[usize::from(method) % METHODS.len()].parse().expect("a token");
    let Ok(uri) = format!("/{}", path.trim_start_matches('/')).parse::<Uri>() else { return };

    assert_eq!(Access::documented(&method, uri.path()), documented(&method, uri.path()), "{method} {uri}");

    let request = || {
        let head = Request::builder().method(method.clone()).uri(uri.clone()).header("x-api-key", READ_WRITE_KEY);
        head.body(Full::<Bytes>::default()).expect("well-formed")
    };
    if verify(request()).is_ok() {
        let read = read_loosely(uri.path());
        assert!(!is_owners(&method, &read), "{method} {uri} may be read as {read:?}");
    }
    let response = block_on(owners_routes().oneshot(request().map(axum::body::Body::new)));
    let status = response.unwrap_or_else(|never| match never {}).status();
    assert_ne!(status, StatusCode::IM_A_TEAPOT, "{method} {uri} reached an owner's handler with a read/write key");
}

/// An axum service whose handlers of owner's resources must not be reached.
fn owners_routes() -> Router {
    let teapot = || any(async || StatusCode::IM_A_TEAPOT);
    Router::new()
        .route("/management/accounts/{id}", teapot())
        .route("/management/accounts/{id}/users", teapot())
        .route("/management/accounts/{id}/users/{*rest}", teapot())
        .route("/management/accounts/{id}/owners", teapot())
        .route("/management/accounts/{id}/owners/{*rest}", teapot())
        .fallback(async || StatusCode::OK)
        .layer(LogentriesVerifyLayer::new(credentials()).clock(now))
}

/// The table once more: the rows in their order, a pattern being segments, `*` for one and `**` for any number.
fn documented(method: &Method, path: &str) -> Option<Access> {
    use Access::{Owner, ReadOnly, ReadWrite};
    let reads = [Method::GET, Method::HEAD].contains(method);
    let options = *method == Method::OPTIONS;
    let either = Some(if reads { ReadOnly } else { ReadWrite });
    let if_reads = |access| reads.then_some(access);
    let rows: [(&str, Option<Access>); 31] = [
        ("query/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("query/live/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("audit/query/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("query/**", either),
        ("management/logs/**", either),
        ("management/logsets/**", either),
        ("management/labels/**", either),
        ("management/metrics/**", either),
        ("management/targets/**", either),
        ("management/actions", if_reads(ReadOnly)),
        ("management/actions/*/targets", if_reads(ReadOnly)),
        ("management/actions/*", if_reads(ReadWrite)),
        ("management/tags/**", if_reads(ReadWrite)),
        ("management/actions/**", (!reads).then_some(ReadWrite)),
        ("management/tags/**", (!reads).then_some(ReadWrite)),
        ("management/archiving/**", if_reads(ReadWrite)),
        ("management/organizations/apikeys", if_reads(ReadWrite)),
        ("download/logs/*", if_reads(ReadWrite)),
        ("usage/**", if_reads(ReadWrite)),
        ("exports/**", if_reads(ReadOnly)),
        ("search-stats/**", if_reads(ReadOnly)),
        ("audit/**", if_reads(ReadOnly)),
        ("exports/*", (*method == Method::DELETE).then_some(ReadWrite)),
        ("management/accounts//**", None),
        ("management/accounts/*", Some(Owner)),
        ("management/accounts/*/users/**", Some(Owner)),
        ("management/accounts/*/owners/**", Some(Owner)),
        ("management/accounts/*/apikeys/**", Some(if reads || options { ReadWrite } else { Owner })),
        ("management/accounts/*/teams/**", Some(ReadWrite)),
        ("management/accounts/*/**", None),
        ("**", None),
    ];
    let path = path.to_ascii_lowercase();
    let path = path.strip_prefix('/').unwrap_or(&path).trim_end_matches('/');
    let path: Vec<_> = path.strip_prefix("log_search/").unwrap_or(path).split('/').collect();
    let has_no_id = matches!(&path[..], ["management", "accounts", "", ..]);
    rows.into_iter().filter(|_| !has_no_id).find_map(|(pattern, access)| access.filter(|_| matches(pattern, &path)))
}

fn matches(pattern: &str, path: &[&str]) -> bool {
    let mut path = path.iter();
    for segment in pattern.split('/') {
        match (segment, path.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (name, Some(segment)) if name == *segment => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

/// The segments that a server would see which decodes, folds, trims and resolves all that any server does.
fn read_loosely(path: &str) -> Vec<String> {
    let mut octets = path.as_bytes().to_vec();
    while let Some(decoded) = decode_once(&octets) {
        octets = decoded;
    }
    let text: String = String::from_utf8_lossy(&octets).chars().filter_map(fold).flat_map(char::to_lowercase).collect();
    let mut segments = Vec::new();
    for segment in text.replace('\\', "/").split('/').map(|s| s.split([';', '?', '#', '\0']).next().unwrap_or_default())
    {
        match segment.trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

fn fold(letter: char) -> Option<char> {
    match letter {
        'ſ' => Some('s'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xff01 + 0x21),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        letter => Some(letter),
    }
}

/// Returns `None` if nothing is encoded.
fn decode_once(octets: &[u8]) -> Option<Vec<u8>> {
    let at = octets.windows(3).position(|w| w[0] == b'%' && w[1..].iter().all(u8::is_ascii_hexdigit))?;
    let byte = u8::from_str_radix(std::str::from_utf8(&octets[at + 1..at + 3]).ok()?, 16).ok()?;
    Some([&octets[..at], &[byte], &octets[at + 3..]].concat())
}

fn is_owners(method: &Method, segments: &[String]) -> bool {
    let segments: Vec<_> = segments.iter().map(String::as_str).skip_while(|segment| *segment == "log_search").collect();
    match segments[..] {
        ["management", "accounts", _] | ["management", "accounts", _, "users" | "owners", ..] => true,
        ["management", "accounts", _, "apikeys", ..] => ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method),
        _ => false,
    }
}
