//! The ways to write each part of the canonical string.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, DATE, HOST};
use sha2::{Digest, Sha256};

use super::date::other_forms;
use super::spelling::spellings;
use super::way::{Way, distinct, product};
use super::{Mistake, Received};
use crate::scheme::single_value;

const JSON: &str = "application/json";
/// Methods that clients sign although they send another one.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// The usual prefixes that a proxy takes off.
const PREFIXES: [&str; 3] = ["api", "v1", "v2"];
/// How many prefixes are tried, and how long each may be: strangers can send them.
const MAX_PREFIXES: usize = 8;
const MAX_PREFIX: usize = 256;
/// The length up to which a host is put before a path: a Host header can be as long as all headers together.
const MAX_HOST: usize = 1024;
/// The length up to which a path with its query is re-encoded, and the charset of a Content-Type spelled in other ways.
const MAX_SPELLED: usize = 4 * 1024;
/// The length up to which a body is signed raw, or hashed with another newline.
const MAX_BODY: usize = 64 * 1024;

/// Returns the ways to write each part, the correct one first, distinct by their texts. Returns `None` if a signed
/// header is duplicated.
pub(super) fn ways(received: &Received<'_>) -> Option<[Vec<Way>; 5]> {
    let single = |name| single_value(received.headers, name).ok();
    let parts = [
        method_ways(received.method.as_str()),
        content_type_ways(single(CONTENT_TYPE)?.map(HeaderValue::as_bytes).unwrap_or_default()),
        date_ways(single(DATE)?),
        path_ways(received),
        body_ways(received),
    ];
    Some(parts.map(distinct))
}

fn method_ways(method: &str) -> Vec<Way> {
    let (upper, lower) = (method.to_ascii_uppercase(), method.to_ascii_lowercase());
    let capitalized = upper.chars().take(1).chain(lower.chars().skip(1)).collect();
    let cases = [upper, lower, capitalized].map(|text| Way::by(Mistake::MethodCase, text));
    let others = METHODS.map(|other| Way::by(Mistake::MethodReplaced, other));
    [Way::correct(method)].into_iter().chain(cases).chain(others).collect()
}

fn content_type_ways(sent: &[u8]) -> Vec<Way> {
    let mut ways = vec![Way::correct(sent)];
    if sent.is_empty() {
        ways.push(Way::by(Mistake::ContentTypeAssumed, JSON));
    } else {
        let media_type = sent.split(|byte| *byte == b';').next().unwrap_or(sent).trim_ascii_end();
        ways.push(Way::by(Mistake::ContentTypeOmitted, ""));
        ways.push(Way::by(Mistake::ContentTypeParameters, media_type));
        ways.push(Way::by(Mistake::ContentTypeReplaced, JSON));
    }
    let with_charset: Vec<_> = ways.iter().flat_map(charset_ways).collect();
    ways.extend(with_charset);
    ways
}

/// Adds a charset to a Content-Type, or spells its own in other ways.
fn charset_ways(way: &Way) -> Vec<Way> {
    let text = str::from_utf8(&way.text).unwrap_or_default();
    if text.is_empty() || text.len() > MAX_SPELLED {
        return Vec::new();
    }
    let mut parameters = text.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let sent = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let (mistake, value) = match sent {
        Some((_, value)) => (Mistake::CharsetSpelling, value.trim().trim_matches('"')),
        None => (Mistake::CharsetNotSent, "utf-8"),
    };
    let around = sent.and_then(|(name, value)| text.split_once(&format!(";{name}={value}")));
    let (before, after) = around.unwrap_or((text, ""));

    let lower = value.to_ascii_lowercase();
    let values = [format!("\"{lower}\""), value.to_ascii_uppercase(), lower];
    let spell = |value| ["; ", ";"].map(|separator| format!("{before}{separator}charset={value}{after}"));
    values.iter().flat_map(spell).map(|text| way.and(mistake, text)).collect()
}

fn date_ways(date: Option<&HeaderValue>) -> Vec<Way> {
    let others = date.and_then(other_forms).unwrap_or_default();
    let others = others.into_iter().map(|text| Way::by(Mistake::DateForm, text));
    let sent = date.map(HeaderValue::as_bytes).unwrap_or_default();
    [Way::correct(sent)].into_iter().chain(others).collect()
}

fn path_ways(received: &Received<'_>) -> Vec<Way> {
    let whole = received.path.strip_prefix('/').unwrap_or(received.path);
    let path = whole.trim_end_matches('/');
    let slashes = whole.strip_prefix(path).filter(|slashes| !slashes.is_empty()).unwrap_or("/");
    let ends = [Way::correct(""), Way::by(Mistake::PathTrailingSlash, slashes)];
    let (starts, prefixes) = (start_ways(received), prefix_ways(received, path));

    let (mark, query) = received.uri.query().map_or(("", ""), |query| ("?", query));
    let mut spelled = vec![(Way::correct(path), Way::correct(query))];
    if path.len() + query.len() <= MAX_SPELLED {
        spelled.extend(spellings(path.as_bytes()).into_iter().zip(spellings(query.as_bytes())));
    }
    let around = |(path, spelled_query): (Way, Way)| {
        let with_query = |query| Way::by(Mistake::PathWithQuery, [mark.as_bytes(), query].concat());
        let queries = [Way::correct(""), with_query(query.as_bytes()), with_query(&spelled_query.text)];
        product([&starts[..], &prefixes, &[path], &ends, &queries])
    };
    spelled.into_iter().flat_map(around).collect()
}

fn start_ways(received: &Received<'_>) -> Vec<Way> {
    let host = || received.headers.get(HOST)?.to_str().ok();
    let authority = received.uri.authority().map(|authority| authority.as_str()).or_else(host);
    let authority = authority.filter(|authority| authority.len() <= MAX_HOST);
    let mut ways = vec![Way::correct(""), Way::by(Mistake::PathLeadingSlash, "/")];
    for scheme in ["https", "http"] {
        ways.extend(authority.map(|authority| Way::by(Mistake::PathFullUrl, format!("{scheme}://{authority}/"))));
    }
    ways
}

fn prefix_ways(received: &Received<'_>, path: &str) -> Vec<Way> {
    let forwarded = received.headers.get_all("x-forwarded-prefix").iter().filter_map(|value| value.to_str().ok());
    // A header can hold a list, and a segment of a mount a placeholder in braces.
    let texts = received.mounts.iter().copied().chain(forwarded.flat_map(|list| list.split(',')));
    let texts = texts.map(|prefix| prefix.trim().trim_matches('/'));
    let known = texts.filter(|prefix| (1..=MAX_PREFIX).contains(&prefix.len()) && !prefix.contains('{'));
    let slash = if path.is_empty() { "" } else { "/" };
    let by_prefix = |prefix| Way::by(Mistake::PathPrefix, format!("{prefix}{slash}"));
    [Way::correct("")].into_iter().chain(known.take(MAX_PREFIXES).chain(PREFIXES).map(by_prefix)).collect()
}

fn body_ways(received: &Received<'_>) -> Vec<Way> {
    let sha256 = STANDARD.decode(received.digest.as_str()).unwrap_or_default();
    let mut ways = hash_ways(&Way::correct(""), &sha256);
    ways.push(Way::by(Mistake::BodyHashMissing, ""));
    let sent = (received.body.len() <= MAX_BODY).then(|| Way::correct(received.body));
    for body in [Way::by(Mistake::BodyNotHashed, "")].iter().chain(&sent).flat_map(newline_ways) {
        ways.extend(hash_ways(&body, &Sha256::digest(&body.text)));
        ways.push(body.and(Mistake::BodyNotHashedRaw, &*body.text));
    }
    ways
}

/// Returns a body, with a newline added to it or removed from it.
fn newline_ways(body: &Way) -> Vec<Way> {
    let without = body.text.strip_suffix(b"\r\n").or_else(|| body.text.strip_suffix(b"\n"));
    let added = [b"\n", &b"\r\n"[..]].map(|newline| [&body.text, newline].concat());
    let others = added.into_iter().chain(without.map(<[u8]>::to_vec));
    [body.clone()].into_iter().chain(others.map(|text| body.and(Mistake::BodyNewline, text))).collect()
}

/// Writes the hash of a body.
fn hash_ways(body: &Way, sha256: &[u8]) -> Vec<Way> {
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let others = [STANDARD.encode(&hex), hex.to_ascii_uppercase(), hex];
    let base64 = Way { text: STANDARD.encode(sha256).into(), mistakes: body.mistakes.clone() };
    [base64].into_iter().chain(others.map(|text| body.and(Mistake::BodyHashHex, text))).collect()
}
