//! Paths in which another parser could read an owner's resource, because it folds letters or trims blanks.

use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use proptest::{prelude::*, sample::Index};
use tower_logentries_auth::{Rejection, verify::MalformedRequest};

use crate::support::{
    READ_WRITE_KEY,
    verifying::{present, verifier, with_api_key},
};

const OWNERS: [&str; 4] = [
    "/management/accounts/acme",
    "/management/accounts/acme/users/jo",
    "/log_search/management/accounts/acme/owners",
    "/api/v1/management/accounts/acme/apikeys/7",
];

/// Presents the path with a read/write key.
fn result_of(path: &str) -> Result<Request<Bytes>, Rejection> {
    present(&verifier(), with_api_key("GET", path, READ_WRITE_KEY)).now_or_never().unwrap()
}

fn is_malformed(path: &str) -> bool {
    matches!(result_of(path), Err(Rejection::MalformedRequest(MalformedRequest::Path)))
}

#[test]
fn letters_folding_to_a_segment_name_are_malformed() {
    for path in [
        "/management/accounts/acme/u%C5%BFers",      // long s
        "/management/accounts/acme/api%E2%84%AAeys", // Kelvin sign
        "/management/%EF%BD%81ccounts/acme/users",   // full-width a
        "/manage%C2%ADment/accounts/acme",           // soft hyphen
        "/manage%C2%ADment/accounts/acme/",
        "/management/accounts%C2%A0/acme",                        // no-break space
        "/log_search/management/accounts/acme/%E2%80%8Bowners/7", // zero-width space
        "/api/%EF%BC%ADanagement/Accounts/acme/users",
        "/management/accounts/%C2%AD/acme",                    // an id that vanishes
        "/management/%E2%81%A0/accounts/%E3%85%A4/acme/users", // word joiner, Hangul filler
    ] {
        assert!(is_malformed(path), "{path}");
    }
}

#[test]
fn blanks_around_a_segment_are_malformed() {
    for path in ["/management/accounts/acme/users%20", "/management/%20accounts/acme/users", "/management/logs/%20"] {
        assert!(is_malformed(path), "{path}");
    }
}

#[test]
fn ids_allow_any_letters() {
    for path in [
        "/management/logs/z%C3%BCrich",
        "/management/accounts/z%C3%BCrich/teams",
        "/management/accounts/%E6%97%A5%E6%9C%AC/teams",
        "/query/%C5%BF/%E2%84%AA",
    ] {
        assert!(result_of(path).is_ok(), "{path}");
    }
    let users = result_of("/management/accounts/z%C3%BCrich/users");
    assert!(matches!(users, Err(Rejection::Forbidden { .. })), "{users:?}");
}

proptest! {
    /// Letters of a name are replaced by what folds to them, or invisible characters are put between them.
    #[test]
    fn no_folded_owner_resource_passes(
        path in proptest::sample::select(&OWNERS),
        changes in prop::collection::vec((any::<Index>(), any::<bool>()), 1..4),
        trailing_slash in any::<bool>(),
    ) {
        let names = ["management", "accounts", "users", "owners", "apikeys"];
        let mut letters: Vec<String> = Vec::new();
        let mut is_name = Vec::new();
        for segment in path.split_inclusive('/') {
            letters.extend(segment.chars().map(String::from));
            let is_one = names.contains(&segment.trim_end_matches('/'));
            is_name.extend(segment.chars().map(|letter| is_one && letter != '/'));
        }
        let places: Vec<_> = (0..letters.len()).filter(|place| is_name[*place]).collect();
        for (index, replaces) in changes {
            let letter = &mut letters[*index.get(&places)];
            *letter = match letter.chars().next().filter(|letter| replaces && letter.is_ascii_lowercase()) {
                Some('s') => "%c5%bf".to_owned(),
                Some('k') => "%e2%84%aa".to_owned(),
                Some(letter) => format!("%ef%bd%{:02x}", 0x81 + (letter as u8 - b'a')), // full-width
                None => format!("{letter}%c2%ad"),
            };
        }
        let path = letters.concat() + if trailing_slash { "/" } else { "" };
        prop_assert!(is_malformed(&path), "{path}: {:?}", result_of(&path));
    }
}
