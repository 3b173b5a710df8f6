//! Which key a request is sent with.

use http::Method;
use proptest::prelude::*;
use tower_logentries_auth::{
    Access::{self, Owner, ReadOnly, ReadWrite},
    AuthError, Credentials, LogentriesAuthLayer,
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS, credentials,
    inner::{key_of, pass, to_vendor},
    layer,
};

const READ: [Method; 2] = [Method::GET, Method::HEAD];
const WRITE: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const OTHER: [Method; 2] = [Method::OPTIONS, Method::TRACE];

/// A path, and the access that reading it, writing it and anything else takes.
const TABLE: [(&str, [Access; 3]); 35] = [
    ("/management/accounts/acme", [Owner; 3]),
    ("/management/accounts/acme/users", [Owner; 3]),
    ("/management/accounts/acme/users/7", [Owner; 3]),
    ("/management/accounts/acme/users/7/teams", [Owner; 3]),
    ("/management/accounts/acme/owners", [Owner; 3]),
    ("/management/accounts/acme/owners/7", [Owner; 3]),
    ("/management/accounts/acme/apikeys", [ReadWrite, Owner, ReadWrite]),
    ("/management/accounts/acme/apikeys/7", [ReadWrite, Owner, ReadWrite]),
    ("/management/accounts/acme/apikeys/7/users", [ReadWrite, Owner, ReadWrite]),
    ("/management/accounts/acme/teams", [ReadWrite; 3]),
    ("/management/accounts/acme/teams/7/users", [ReadWrite; 3]),
    ("/management/logs", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logs/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logs/7/accounts/acme/users", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logsets", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logsets/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/live", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/live/logs", [ReadOnly, ReadWrite, ReadWrite]),
    ("/query", [ReadOnly, ReadWrite, ReadWrite]),
    ("/query/logs/7", [ReadOnly, ReadWrite, ReadWrite]),
    // Everything else, by whole segments.
    ("", [ReadWrite; 3]),
    ("/management", [ReadWrite; 3]),
    ("/management/accounts", [ReadWrite; 3]),
    ("/management/accounts//users", [ReadWrite; 3]),
    ("/management//accounts/acme", [ReadWrite; 3]),
    ("/management/accountsX/acme/users", [ReadWrite; 3]),
    ("/management/account/acme/users", [ReadWrite; 3]),
    ("/managementX/accounts/acme", [ReadWrite; 3]),
    ("/management/accounts/acme/usersX", [ReadWrite; 3]),
    ("/management/accounts/acme/ownersX/7", [ReadWrite; 3]),
    ("/management/accounts/acme/apikeysX", [ReadWrite; 3]),
    ("/management/logsX", [ReadWrite; 3]),
    ("/queryX", [ReadWrite; 3]),
    ("/accounts/acme/users", [ReadWrite; 3]),
    ("/v1/management/logs", [ReadWrite; 3]),
];

fn rows() -> impl Iterator<Item = (Method, &'static str, Access)> {
    TABLE.into_iter().flat_map(|(path, [read, write, other])| {
        let of = |methods: &[Method], access| methods.iter().map(|m| (m.clone(), path, access)).collect::<Vec<_>>();
        [of(&READ, read), of(&WRITE, write), of(&OTHER, other)].concat()
    })
}

#[test]
fn each_row_of_the_table_holds_with_any_ending_and_any_query() {
    for (method, path, access) in rows() {
        for ending in ["", "/", "//", "?", "?limit=5", "/?next=/management/logs", "?next=/management/accounts/acme/"] {
            assert_eq!(Access::required_for(&method, &format!("{path}{ending}")), access, "{method} {path}{ending}");
        }
    }
}

#[tokio::test]
async fn each_row_of_the_table_is_sent_with_its_key() {
    let layer = layer();
    for (method, path, access) in rows() {
        let request = pass(&layer, to_vendor(method.clone(), &format!("{path}/?limit=5"))).await.unwrap();
        assert_eq!(key_of(&request), Some(access), "{method} {path}");
    }
}

/// Every set of keys that credentials can hold.
fn every_set_of_keys() -> [(Vec<Access>, Credentials); 7] {
    let owner = || Credentials::owner(KEY_ID, OWNER_KEY).unwrap();
    let read_write = || Credentials::read_write(READ_WRITE_KEY).unwrap();
    let read_only = || Credentials::read_only(READ_ONLY_KEY).unwrap();
    [
        (vec![Owner], owner()),
        (vec![ReadWrite], read_write()),
        (vec![ReadOnly], read_only()),
        (vec![ReadWrite, Owner], owner().with_read_write(READ_WRITE_KEY).unwrap()),
        (vec![ReadOnly, Owner], read_only().with_owner(KEY_ID, OWNER_KEY).unwrap()),
        (vec![ReadOnly, ReadWrite], read_write().with_read_only(READ_ONLY_KEY).unwrap()),
        (vec![ReadOnly, ReadWrite, Owner], credentials()),
    ]
}

#[tokio::test]
async fn the_least_key_that_is_enough_is_sent_and_where_none_is_nothing() {
    for (held, credentials) in every_set_of_keys() {
        let layer = LogentriesAuthLayer::new(credentials);
        for (target, required) in [(LOGS, ReadOnly), (TEAMS, ReadWrite), (USERS, Owner)] {
            let least = held.iter().copied().filter(|key| *key >= required).min();
            match pass(&layer, to_vendor(Method::GET, target)).await {
                Ok(request) => assert_eq!(key_of(&request), least, "{held:?} for {target}"),
                Err(AuthError::InsufficientAccess { required: named }) => {
                    assert_eq!((named, least), (required, None), "{held:?} for {target}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_rule_takes_the_place_of_the_table() {
    let layer = layer().access(|method: &Method, path: &str| {
        assert_eq!(path, "/management/logs/", "the path as it came, without its query");
        if method == Method::GET { Owner } else { ReadOnly }
    });
    for (method, access) in [(Method::GET, Owner), (Method::DELETE, ReadOnly)] {
        let request = pass(&layer, to_vendor(method, "/management/logs/?limit=5")).await.unwrap();
        assert_eq!(key_of(&request), Some(access));
    }
}

#[tokio::test]
async fn an_access_in_the_extensions_overrules_the_table_and_any_rule() {
    let table = layer();
    let rule = table.clone().access(|_: &Method, _: &str| unreachable!("nobody has to ask"));
    for layer in [table, rule] {
        for access in [ReadOnly, ReadWrite, Owner] {
            for target in [LOGS, USERS] {
                let mut request = to_vendor(Method::GET, target);
                request.extensions_mut().insert(access);
                assert_eq!(key_of(&pass(&layer, request).await.unwrap()), Some(access), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn a_path_is_judged_as_it_is_sent_not_as_it_could_be_decoded() {
    let layer = layer();
    for (path, access) in [("/management/log%73", ReadWrite), ("/management/accounts/acme%2Fteams", Owner)] {
        let request = pass(&layer, to_vendor(Method::GET, path)).await.unwrap();
        assert_eq!(key_of(&request), Some(access), "{path}");
    }
}

proptest! {
    #[test]
    fn letter_case_and_the_ending_never_change_what_a_path_takes(
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
    fn any_text_at_all_takes_some_access(text in any::<String>()) {
        prop_assert!(Access::required_for(&Method::DELETE, &text) >= ReadWrite, "a change is never made with a read-only key");
    }
}
