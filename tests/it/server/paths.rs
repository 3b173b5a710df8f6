//! Ways to spell an owner resource that another parser might take for it, under a key that is too weak for it.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use proptest::{collection::vec, prelude::*, sample::select};
use tower_logentries_auth::{Rejection, server::Malformed};

use crate::support::{
    READ_WRITE_KEY, USERS, cases,
    verifying::{present, verifier, with_api_key},
};

/// Every spelling that differs from [`USERS`] at one place.
fn spellings() -> BTreeSet<String> {
    const AFTER_A_SLASH: &[&str] = &["/", "./", "x/../", "%2e/", "x/%2E%2E/", "x/.%2e/", "%2f"];
    const AT_THE_END_OF_A_SEGMENT: &[&str] = &["/.", "/x/..", "/%2e", "/x/%2e.", "\\", "%5c", ";x=1"];
    const ANYWHERE: &[&str] = &[";", "%3b", "%00", "%0d%0a", "%7f", "%2f", "%252f", "%25"];
    let mut spellings = BTreeSet::new();
    for at in 1..=USERS.len() {
        let (before, after) = USERS.split_at(at);
        let mut insert = |texts: &[&str]| spellings.extend(texts.iter().map(|text| format!("{before}{text}{after}")));
        insert(ANYWHERE);
        if before.ends_with('/') {
            insert(AFTER_A_SLASH);
        }
        if after.is_empty() || after.starts_with('/') {
            insert(AT_THE_END_OF_A_SEGMENT);
        }
        spellings.extend(other_spellings_of_the_character_at(at - 1));
    }
    spellings
}

fn other_spellings_of_the_character_at(at: usize) -> [String; 5] {
    let (before, c, after) = (&USERS[..at], USERS.as_bytes()[at], &USERS[at + 1..]);
    let upper = c.to_ascii_uppercase();
    let spellings = [
        format!("%{c:02x}"),
        format!("%{c:02X}"),
        format!("%{upper:02x}"),
        format!("%25{c:02x}"),
        String::from(upper as char),
    ];
    spellings.map(|spelling| format!("{before}{spelling}{after}"))
}

#[tokio::test]
async fn no_spelling_of_an_owner_resource_passes() {
    // Without its first slash it is an authority.
    for path in spellings().into_iter().filter(|path| path.starts_with('/')) {
        let outcome = present(&verifier(), with_api_key("GET", &path, READ_WRITE_KEY)).await;
        let Err(rejection) = outcome else { panic!("{path} passed") };
        assert!(
            matches!(rejection, Rejection::Malformed(Malformed::Path) | Rejection::Forbidden { .. }),
            "{rejection:?}"
        );
    }
}

#[tokio::test]
async fn trailing_slash_and_case_do_not_change_access() {
    for path in ["/management/accounts/acme/users/", "/Management/ACCOUNTS/acme/uSeRs", "/management/accounts/acme/"] {
        let rejection = present(&verifier(), with_api_key("GET", path, READ_WRITE_KEY)).await.unwrap_err();
        assert!(matches!(rejection, Rejection::Forbidden { .. }), "{path}: {rejection:?}");
    }
}

#[tokio::test]
async fn path_traversal_is_malformed() {
    for path in [
        "/management/logs/../accounts/acme/users",
        "/management/logs/%2e%2e/accounts/acme/users",
        "/management/logs/..%2faccounts/acme/users",
        "/management/logs/..%5caccounts/acme/users",
        "/management/logs/..;/accounts/acme/users",
        "/management/logs/..\\accounts/acme/users",
        "/management/logs//../../accounts/acme/users",
        "/query/../management/accounts/acme/users",
        "//management/accounts/acme/users",
        "/./management/accounts/acme/users",
    ] {
        let rejection = present(&verifier(), with_api_key("GET", path, READ_WRITE_KEY)).await.unwrap_err();
        assert!(matches!(rejection, Rejection::Malformed(Malformed::Path)), "{path}: {rejection:?}");
    }
}

#[tokio::test]
async fn invalid_utf8_is_malformed() {
    for path in [
        "/management/logs/%c0%ae%c0%ae/accounts/acme/users", // dots to a decoder that takes overlong forms
        "/management/accounts/acme%c0%afusers",              // a slash
        "/management/accounts/acme%e0%80%afusers",
        "/management/accounts/acme/%f0%80%81%b5sers", // a `u`
        "/management/logs/z%fcrich",                  // Latin-1
        "/management/logs/%c3",
        "/management/logs/%c3/%bc",
    ] {
        let rejection = present(&verifier(), with_api_key("GET", path, READ_WRITE_KEY)).await.unwrap_err();
        assert!(matches!(rejection, Rejection::Malformed(Malformed::Path)), "{path}: {rejection:?}");
    }
}

#[tokio::test]
async fn unambiguous_paths_pass_unchanged() {
    for path in [
        "/",
        "*",
        "/management/logs",
        "/management/logs/",
        "/management/logs?path=/../x&y=%2e%2e",
        "/management/logs/a.b..c-_~!$&'()*+,:@=",
        "/management/logs/with%20space",
        "/management/logs/z%C3%BCrich",
        "/query/logs/0d5a9b7c-1f2a:7f6a5b4c-3d2e",
        "/management/accountsX/acme/users",
        "/management/accounts/acme/teams/...",
    ] {
        let passed = present(&verifier(), with_api_key("GET", path, READ_WRITE_KEY)).await;
        assert_eq!(passed.unwrap_or_else(|rejection| panic!("{path}: {rejection}")).uri(), path);
    }
}

/// The segments that a server would see which undoes everything that any server undoes.
fn read_loosely(path: &str) -> Vec<String> {
    let mut octets = path.as_bytes().to_vec();
    while let Some(decoded) = decode_once(&octets) {
        octets = decoded;
    }
    let text = String::from_utf8_lossy(&octets).to_lowercase().replace('\\', "/");
    let mut segments = Vec::new();
    for segment in text.split('/').map(|segment| segment.split([';', '?', '#', '\0']).next().unwrap()) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

/// `None` where nothing is encoded.
fn decode_once(octets: &[u8]) -> Option<Vec<u8>> {
    let at = octets.windows(3).position(|w| w[0] == b'%' && w[1..].iter().all(u8::is_ascii_hexdigit))?;
    let hex = std::str::from_utf8(&octets[at + 1..at + 3]).unwrap();
    let byte = u8::from_str_radix(hex, 16).unwrap();
    Some([&octets[..at], &[byte], &octets[at + 3..]].concat())
}

fn is_an_owner_resource(segments: &[String]) -> bool {
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    matches!(segments[..], ["management", "accounts", _] | ["management", "accounts", _, "users" | "owners", ..])
}

fn fragment() -> impl Strategy<Value = &'static str> {
    select(vec![
        "management",
        "accounts",
        "acme",
        "users",
        "owners",
        "logs",
        "Accounts",
        "%61ccounts",
        "user",
        "s",
        "/",
        "/",
        "/",
        "/",
        "/",
        "/",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "%2f",
        "%2F",
        "%5c",
        "\\",
        ";",
        ";x",
        "%25",
        "2e",
        "2f",
        "%",
        "%00",
        "%20",
        "%c3%bc",
        ":",
        "?",
        "x",
    ])
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn passing_paths_are_no_owner_resource_to_any_parser(
        fragments in vec(fragment(), 0..12),
        ends_there in any::<bool>(),
    ) {
        let path = match ends_there {
            true => format!("/{}", fragments.concat()),
            false => format!("/{}/management/accounts/acme/users", fragments.concat()),
        };
        prop_assume!(path.parse::<http::Uri>().is_ok());
        let request = with_api_key("GET", &path, READ_WRITE_KEY);
        if present(&verifier(), request).now_or_never().unwrap().is_ok() {
            let seen = read_loosely(path.split('?').next().unwrap());
            prop_assert!(!is_an_owner_resource(&seen), "{path} is {seen:?}");
        }
    }
}
