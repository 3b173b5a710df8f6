//! Ways to spell a protected resource that another parser might take for it, under a key that is too weak for it: against
//! the table, and against a rule.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use http::Method;
use proptest::{collection::vec, prelude::*, sample::select};
use tower_logentries_auth::{
    Access, Credentials, LogentriesVerifyLayer,
    server::{Malformed, Reason},
};

use crate::support::{
    READ_WRITE_KEY, USERS, cases,
    verifying::{present, verifier, with_api_key},
};

/// The outcome of a request with a read/write key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passes,
    Forbidden,
    Malformed,
}

fn outcome(layer: &LogentriesVerifyLayer<Credentials>, path: &str) -> Outcome {
    match present(layer, with_api_key("GET", path, READ_WRITE_KEY)).now_or_never().unwrap() {
        Ok(passed) => {
            assert_eq!(passed.uri(), path, "as it was sent");
            Outcome::Passes
        }
        Err(rejection) => match rejection.reason() {
            Reason::Malformed(Malformed::Path) => Outcome::Malformed,
            Reason::Forbidden { required: Access::Owner, .. } => Outcome::Forbidden,
            reason => panic!("{path}: {reason:?}"),
        },
    }
}

/// A layer whose rule protects all below `/billing`, and opens `/reports`.
fn with_rule() -> LogentriesVerifyLayer<Credentials> {
    verifier().access(|_: &Method, path: &str| match path {
        path if path == "/billing" || path.starts_with("/billing/") => Some(Access::Owner),
        path if path.starts_with("/reports/") => Some(Access::ReadOnly),
        _ => None,
    })
}

/// The usual tricks, each at the place of `{}` in a path.
const AMBIGUOUS: [&str; 41] = [
    // Empty segments.
    "/{0}//{1}",
    "//{0}/{1}",
    "/{0}/{1}//",
    "///{0}/{1}",
    // Dot segments, plain and encoded in part.
    "/./{0}/{1}",
    "/{0}/./{1}",
    "/{0}/{1}/.",
    "/x/../{0}/{1}",
    "/{0}/x/../{1}",
    "/{0}/{1}/x/..",
    "/%2e/{0}/{1}",
    "/{0}/%2E/{1}",
    "/x/%2e%2e/{0}/{1}",
    "/x/.%2e/{0}/{1}",
    "/x/%2E./{0}/{1}",
    // Separators: encoded, encoded twice, and those of others.
    "/{0}%2f{1}",
    "/{0}%2F{1}",
    "/{0}%252f{1}",
    "/x%2f..%2f{0}/{1}",
    "/{0}%5c{1}",
    "/{0}\\{1}",
    "/x/..\\{0}/{1}",
    // Parameters, fragments and queries in a segment.
    "/{0};/{1}",
    "/{0};x=1/{1}",
    "/{0}%3bx/{1}",
    "/x;/../{0}/{1}",
    "/{0}%23/{1}",
    "/{0}%3f/{1}",
    // What some drop: controls and spaces around a segment.
    "/{0}%00/{1}",
    "/{0}%0d%0a/{1}",
    "/{0}%09/{1}",
    "/{0}%7f/{1}",
    "/{0}%20/{1}",
    "/%20{0}/{1}",
    "/{0}/{1}%20",
    // What is no UTF-8, such as an overlong slash and dots.
    "/{0}%c0%af{1}",
    "/x/%c0%ae%c0%ae/{0}/{1}",
    "/{0}%ff/{1}",
    // What is no encoding at all, and characters that need one.
    "/{0}%/{1}",
    "/{0}%2/{1}",
    "/{0}%zz/{1}",
];

fn spelled(trick: &str, root: &str, below: &str) -> String {
    trick.replace("{0}", root).replace("{1}", below)
}

#[test]
fn usual_tricks_are_malformed() {
    for trick in AMBIGUOUS {
        let owners = spelled(trick, "management", "accounts/acme/users");
        let split_further_down = spelled(trick, "management/accounts", "acme/users");
        for path in [owners, split_further_down] {
            assert_eq!(outcome(&verifier(), &path), Outcome::Malformed, "{path}");
            assert_eq!(outcome(&with_rule(), &path), Outcome::Malformed, "{path} beside a rule");
        }
        let billing = spelled(trick, "billing", "invoices");
        assert_eq!(outcome(&with_rule(), &billing), Outcome::Malformed, "{billing}");
        let out_of_reports = format!("/reports/..{}", spelled(trick, "billing", "invoices"));
        assert_eq!(outcome(&with_rule(), &out_of_reports), Outcome::Malformed, "{out_of_reports}");
    }
}

/// A rule that opens everything does not open what two parsers could read differently.
#[test]
fn usual_tricks_are_malformed_whatever_the_rule_says() {
    let open = verifier().access(|_: &Method, _: &str| Some(Access::ReadOnly));
    for trick in AMBIGUOUS {
        let path = spelled(trick, "reports", "today");
        assert_eq!(outcome(&open, &path), Outcome::Malformed, "{path}");
    }
    assert_eq!(outcome(&open, USERS), Outcome::Passes, "it names every path, an owner's too");
}

/// Letters that some fold to those of a name, and invisible ones. Only a rule can name a path with such letters.
#[test]
fn other_letters_are_malformed_unless_the_rule_names_them() {
    let letters = verifier().access(|_: &Method, path: &str| path.starts_with("/letters/").then_some(Access::ReadOnly));
    for letter in [
        "%C5%BF",       // long s
        "%E2%84%AA",    // Kelvin sign
        "%EF%BD%81",    // full-width a
        "%C2%AD",       // soft hyphen
        "%C2%A0",       // no-break space
        "%E2%80%8B",    // zero-width space
        "%E3%85%A4",    // Hangul filler
        "%C3%BC",       // a letter like any other
        "%F0%9F%98%80", // a smile
    ] {
        for path in [
            format!("/management/accounts/acme/u{letter}ers"),
            format!("/manage{letter}ment/accounts/acme"),
            format!("/management/accounts/{letter}/acme/"),
            format!("/management/logs/{letter}x"),
        ] {
            assert_eq!(outcome(&letters, &path), Outcome::Malformed, "{path}");
        }
        let named = format!("/letters/z{letter}z");
        assert_eq!(outcome(&letters, &named), Outcome::Passes, "{named}");
    }
    // A space is not visible either, but in the middle of a segment nobody trims it.
    assert_eq!(outcome(&letters, "/letters/a%20b"), Outcome::Passes);
    assert_eq!(outcome(&letters, "/management/logs/a%20b"), Outcome::Malformed);
}

#[test]
fn needless_encoding_is_malformed() {
    for (at, c) in USERS.char_indices().filter(|(_, c)| *c != '/') {
        for encoded in [format!("%{:02x}", c as u8), format!("%{:02X}", c.to_ascii_uppercase() as u8)] {
            let path = format!("{}{encoded}{}", &USERS[..at], &USERS[at + 1..]);
            assert_eq!(outcome(&verifier(), &path), Outcome::Malformed, "{path}");
        }
    }
    for path in ["/%62illing", "/billing/%2dx", "/billin%67/x", "/reports/%7Eme"] {
        assert_eq!(outcome(&with_rule(), path), Outcome::Malformed, "{path}");
    }
}

#[test]
fn slash_at_the_end_case_and_dots_do_not_open_an_owners_resource() {
    for path in [
        "/management/accounts/acme/users/",
        "/Management/ACCOUNTS/acme/uSeRs",
        "/management/accounts/acme/",
        "/management/accounts/acme./users",
        "/management/accounts/acme/users.",
        "/management/accounts/acme/users...",
        "/management/accounts/acme/users.json",
        "/management/accounts/acme/users::$DATA",
        "/management/accounts/.../users",
    ] {
        assert_eq!(outcome(&verifier(), path), Outcome::Forbidden, "{path}");
    }
}

/// A rule is given the path as it is: what it does not name, such as another case, goes to the table.
#[test]
fn rule_sees_each_spelling_that_is_not_ambiguous() {
    for (path, expected) in [
        ("/billing", Outcome::Forbidden),
        ("/billing/", Outcome::Forbidden),
        ("/billing/invoices/", Outcome::Forbidden),
        ("/Billing", Outcome::Passes),
        ("/billing.", Outcome::Passes),
        ("/billing./invoices", Outcome::Passes),
    ] {
        assert_eq!(outcome(&with_rule(), path), expected, "{path}");
    }
}

#[test]
fn unambiguous_paths_pass_unchanged() {
    for path in [
        "/",
        "*",
        "/management/logs",
        "/management/logs/",
        "/management/logs?path=/../x&y=%2e%2e",
        "/management/logs/a.b..c-_~!$&'()*+,:@=",
        "/management/logs/%5Bx%5D%40",
        "/query/logs/0d5a9b7c-1f2a:7f6a5b4c-3d2e",
        "/management/accountsX/acme/users",
        "/management/accounts/acme/teams/...",
    ] {
        assert_eq!(outcome(&verifier(), path), Outcome::Passes, "{path}");
    }
}

/// Every spelling that differs from [`USERS`] at one place.
fn spellings() -> BTreeSet<String> {
    const AFTER_A_SLASH: &[&str] = &["/", "./", "x/../", "%2e/", "x/%2E%2E/", "x/.%2e/", "%2f"];
    const AT_THE_END_OF_A_SEGMENT: &[&str] = &["/.", "/x/..", "/%2e", "/x/%2e.", "\\", "%5c", ";x=1"];
    const ANYWHERE: &[&str] = &[";", "%3b", "%00", "%0d%0a", "%7f", "%2f", "%252f", "%25", "%c2%ad"];
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
    }
    spellings
}

#[test]
fn no_spelling_of_an_owners_resource_passes() {
    for path in spellings() {
        assert_eq!(outcome(&verifier(), &path), Outcome::Malformed, "{path}");
    }
}

/// The segments that a server would see if it undid everything that any server undoes.
fn read_loosely(path: &str) -> Vec<String> {
    let mut bytes = path.as_bytes().to_vec();
    while let Some(decoded) = decode_once(&bytes) {
        bytes = decoded;
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase().replace('\\', "/");
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
fn decode_once(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(3).position(|w| w[0] == b'%' && w[1..].iter().all(u8::is_ascii_hexdigit))?;
    let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
    let byte = u8::from_str_radix(hex, 16).unwrap();
    Some([&bytes[..at], &[byte], &bytes[at + 3..]].concat())
}

/// Everything below an account but its teams and, for a read, its API keys.
fn is_an_owners_resource(segments: &[String]) -> bool {
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    segments.windows(3).enumerate().any(|(at, window)| {
        matches!(window, ["management", "accounts", _]) && !matches!(segments.get(at + 3), Some(&("teams" | "apikeys")))
    })
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
        "%c2%ad",
        "teams",
        ":",
        "?",
        "x",
    ])
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn passing_paths_are_no_owners_resource_to_any_parser(
        fragments in vec(fragment(), 0..12),
        ends_there in any::<bool>(),
    ) {
        let path = match ends_there {
            true => format!("/{}", fragments.concat()),
            false => format!("/{}/management/accounts/acme/users", fragments.concat()),
        };
        prop_assume!(path.parse::<http::Uri>().is_ok());
        if outcome(&verifier(), &path) == Outcome::Passes {
            let seen = read_loosely(path.split('?').next().unwrap());
            prop_assert!(!is_an_owners_resource(&seen), "{path} is {seen:?}");
        }
    }
}
