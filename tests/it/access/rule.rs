//! Which key a request is sent with, apart from the golden table of `access_table`.

use http::Method;
use proptest::prelude::*;
use tower_logentries_auth::Access::{self, Owner, ReadOnly, ReadWrite};

use crate::support::{
    LOGS, USERS,
    inner::{key_of, pass, to_rapid7},
    layer,
};

const READ: [Method; 2] = [Method::GET, Method::HEAD];
const WRITE: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const OTHER: [Method; 1] = [Method::TRACE];

#[test]
fn changing_api_keys_requires_owner_for_any_method() {
    let method = |name: &str| Method::from_bytes(name.as_bytes()).unwrap();
    for name in ["post", "Delete", "PURGE", "QUERY", "TRACE"] {
        assert_eq!(Access::required_for(&method(name), "/management/accounts/acme/apikeys/7"), Owner, "{name}");
    }
    for name in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(Access::required_for(&method(name), "/management/accounts/acme/apikeys/7"), ReadWrite, "{name}");
    }
}

#[test]
fn undocumented_is_none() {
    for path in ["", "/", "*", "/management/accounts//users", "/management//accounts/acme", "//management/logs"] {
        assert_eq!(Access::documented(&Method::GET, path), None, "{path}");
    }
}

#[tokio::test]
async fn access_rule_replaces_the_table() {
    let layer = layer().access(|method: &Method, path: &str| {
        assert_eq!(path, "/management/logs/", "the path as it came, without its query");
        if method == Method::GET { Owner } else { ReadOnly }
    });
    for (method, access) in [(Method::GET, Owner), (Method::DELETE, ReadOnly)] {
        let request = pass(&layer, to_rapid7(method, "/management/logs/?limit=5")).await.unwrap();
        assert_eq!(key_of(&request), Some(access));
    }
}

#[test]
fn debug_says_whether_a_rule_replaces_the_table() {
    let with_rule = layer().access(|_, _| Owner);
    let [table, rule] = [layer(), with_rule].map(|layer| format!("{layer:?}"));
    assert!(table.contains("AccessRule(table)"), "{table}");
    assert!(rule.contains("AccessRule(custom)"), "{rule}");
}

#[tokio::test]
async fn explicit_access_overrides_table_and_rule() {
    let table = layer();
    let rule = table.clone().access(|_: &Method, _: &str| unreachable!("nobody has to ask"));
    for layer in [table, rule] {
        for access in [ReadOnly, ReadWrite, Owner] {
            for target in [LOGS, USERS] {
                let mut request = to_rapid7(Method::GET, target);
                request.extensions_mut().insert(access);
                assert_eq!(key_of(&pass(&layer, request).await.unwrap()), Some(access), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn paths_are_not_decoded() {
    let layer = layer();
    for (path, access) in [("/management/log%73", ReadWrite), ("/management/accounts/acme%2Fteams", Owner)] {
        let request = pass(&layer, to_rapid7(Method::GET, path)).await.unwrap();
        assert_eq!(key_of(&request), Some(access), "{path}");
    }
}

proptest! {
    #[test]
    fn case_and_ending_never_change_access(
        segments in prop::collection::vec("management|accounts|users|apikeys|logs|query|acme|[a-z]{0,3}", 0..6),
        ending in "/{0,3}(\\?[a-z/=]{0,9})?",
    ) {
        let path = format!("/{}", segments.join("/"));
        for method in READ.iter().chain(&WRITE).chain(&OTHER) {
            let access = Access::required_for(method, &path);
            let loud = Access::required_for(method, &path.to_uppercase());
            prop_assert_eq!(loud, access);
            prop_assert_eq!(Access::required_for(method, &format!("{path}{ending}")), access);
        }
    }

    #[test]
    fn any_path_requires_at_least_read_write_for_delete(text in any::<String>()) {
        prop_assert!(Access::required_for(&Method::DELETE, &text) >= ReadWrite, "a change is never made with a read-only key");
    }
}
