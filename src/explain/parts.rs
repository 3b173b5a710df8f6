//! The ways to write each part of the canonical string.

use std::str;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::date::other_forms;
use super::spelling::spellings;
use super::way::{Way, distinct, product};
use super::{Mistake, Received};

const JSON: &str = "application/json";
/// Methods that clients sign in the place of another one.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// The usual prefixes that a proxy takes off.
const PREFIXES: &str = "api,v1,v2";
/// How many prefixes are tried, and how long each may be: strangers can send them.
const MAX_PREFIXES: usize = 8;
const MAX_PREFIX: usize = 256;
/// The length up to which a path with its query is re-encoded.
const MAX_SPELLED: usize = 4 * 1024;
/// The length up to which a body is signed raw, or hashed with another newline.
const MAX_BODY: usize = 64 * 1024;

/// Returns the ways to write each part, the correct one first, distinct by their texts.
pub(super) fn ways(received: &Received<'_>) -> [Vec<Way>; 5] {
    [
        method_ways(received.method),
        content_type_ways(received.content_type),
        date_ways(received.date),
        path_ways(received),
        body_ways(received.body, received.digest.to_sha256()),
    ]
    .map(distinct)
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
    if text.is_empty() {
        return Vec::new();
    }
    let is_charset = |text: &str| text.trim().get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="));
    let sent = text.split(';').skip(1).find(|parameter| is_charset(parameter));
    let mistake = if sent.is_some() { Mistake::CharsetSpelling } else { Mistake::CharsetNotSent };
    let value = sent.and_then(|parameter| parameter.trim().get(8..)).unwrap_or("utf-8").trim_matches('"');
    let around = sent.and_then(|parameter| text.split_once(&format!(";{parameter}")));
    let (before, after) = around.unwrap_or((text, ""));

    let lower = value.to_ascii_lowercase();
    let values = [format!("\"{lower}\""), value.to_ascii_uppercase(), lower];
    let spelled = values.iter().flat_map(|value| {
        ["; ", ";"].map(|separator| Way::by(mistake, format!("{before}{separator}charset={value}{after}")))
    });
    spelled.map(|spelled| Way { mistakes: [&*way.mistakes, &spelled.mistakes].concat(), ..spelled }).collect()
}

fn date_ways(date: &[u8]) -> Vec<Way> {
    let others = str::from_utf8(date).ok().and_then(other_forms).unwrap_or_default();
    let others = others.into_iter().map(|text| Way::by(Mistake::DateForm, text));
    [Way::correct(date)].into_iter().chain(others).collect()
}

fn path_ways(received: &Received<'_>) -> Vec<Way> {
    let whole = received.path.strip_prefix('/').unwrap_or(received.path);
    let path = whole.trim_end_matches('/');
    let slashes = whole.strip_prefix(path).filter(|slashes| !slashes.is_empty()).unwrap_or("/");
    let ends = [Way::correct(""), Way::by(Mistake::PathTrailingSlash, slashes)];
    let (starts, prefixes) = (start_ways(received.authority), prefix_ways(&received.prefixes, path));
    let combined = |path, queries: &[Way]| product(&[&starts, &prefixes, &[path], &ends, queries]);

    let query = received.query.map(|query| format!("?{query}")).unwrap_or_default();
    let as_sent = [Way::correct(""), Way::by(Mistake::PathWithQuery, &*query)];
    let mut ways = combined(Way::correct(path), &as_sent);
    if path.len() + query.len() <= MAX_SPELLED {
        let query = query.strip_prefix('?').map(|query| spellings(query.as_bytes())).unwrap_or_default();
        for (index, path) in spellings(path.as_bytes()).into_iter().enumerate() {
            let spelled = query.get(index).map(|query| [b"?", &*query.text].concat()).unwrap_or_default();
            let [without, as_sent] = as_sent.clone();
            ways.extend(combined(path, &[without, as_sent, Way::by(Mistake::PathWithQuery, spelled)]));
        }
    }
    ways
}

fn start_ways(authority: Option<&str>) -> Vec<Way> {
    let origins = authority.map(|authority| ["https", "http"].map(|scheme| format!("{scheme}://{authority}/")));
    let origins = origins.into_iter().flatten().map(|origin| Way::by(Mistake::PathFullUrl, origin));
    [Way::correct(""), Way::by(Mistake::PathLeadingSlash, "/")].into_iter().chain(origins).collect()
}

fn prefix_ways(prefixes: &[&str], path: &str) -> Vec<Way> {
    // A value of X-Forwarded-Prefix can be a list, and a segment of a mount a placeholder in braces.
    let texts = prefixes.iter().flat_map(|list| list.split(',')).map(|prefix| prefix.trim().trim_matches('/'));
    let known = texts.filter(|prefix| (1..=MAX_PREFIX).contains(&prefix.len()) && !prefix.contains('{'));
    let all = known.take(MAX_PREFIXES).chain(PREFIXES.split(','));
    let slash = if path.is_empty() { "" } else { "/" };
    let ways = all.map(|prefix| Way::by(Mistake::PathPrefix, format!("{prefix}{slash}")));
    [Way::correct("")].into_iter().chain(ways).collect()
}

fn body_ways(body: &[u8], sha256: [u8; 32]) -> Vec<Way> {
    let is_short = body.len() <= MAX_BODY;
    let mut bodies = vec![Way::by(Mistake::BodyNotHashed, "")];
    if is_short {
        bodies.push(Way::correct(body));
    }
    let newlines: Vec<_> = bodies.iter().flat_map(newline_ways).collect();
    bodies.extend(newlines);

    let mut ways = hash_ways(&Way::correct(sha256));
    ways.push(Way::by(Mistake::BodyHashMissing, ""));
    for body in distinct(bodies) {
        ways.extend(hash_ways(&Way { text: Sha256::digest(&body.text).to_vec(), mistakes: body.mistakes.clone() }));
        ways.extend(product(&[&[body], &[Way::by(Mistake::BodyNotHashedRaw, "")]]));
    }
    ways
}

/// Adds a newline to a body, or removes it.
fn newline_ways(body: &Way) -> Vec<Way> {
    let added = ["\n", "\r\n"].map(|newline| body.then(&Way::by(Mistake::BodyNewline, newline)));
    let without = body.text.strip_suffix(b"\r\n").or_else(|| body.text.strip_suffix(b"\n"));
    let removed = without.map(|text| Way::by(Mistake::BodyNewline, text));
    added.into_iter().chain(removed).collect()
}

/// Writes a hash, the correct way first.
fn hash_ways(hash: &Way) -> Vec<Way> {
    let hex: String = hash.text.iter().map(|byte| format!("{byte:02x}")).collect();
    let others = [STANDARD.encode(&hex), hex.to_ascii_uppercase(), hex].map(|text| Way::by(Mistake::BodyHashHex, text));
    let ways: Vec<_> = [Way::correct(STANDARD.encode(&hash.text))].into_iter().chain(others).collect();
    let mistakes = Way { text: Vec::new(), mistakes: hash.mistakes.clone() };
    product(&[&[mistakes], &ways])
}
