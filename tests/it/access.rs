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
const OTHER: [Method; 1] = [Method::TRACE];

/// A path, and the access that reading it, writing it and anything else takes.
const TABLE: &[(&str, [Access; 3])] = &[
    ("/management/accounts/acme", [Owner; 3]),
    ("/management/accounts/acme/users", [Owner; 3]),
    ("/management/accounts/acme/users/7", [Owner; 3]),
    ("/management/accounts/acme/users/7/teams", [Owner; 3]),
    ("/management/accounts/acme/owners", [Owner; 3]),
    ("/management/accounts/acme/owners/7", [Owner; 3]),
    ("/management/accounts/acme/apikeys", [ReadWrite, Owner, Owner]),
    ("/management/accounts/acme/apikeys/7", [ReadWrite, Owner, Owner]),
    ("/management/accounts/acme/apikeys/7/users", [ReadWrite, Owner, Owner]),
    ("/management/accounts/acme/teams", [ReadWrite; 3]),
    ("/management/accounts/acme/teams/7/users", [ReadWrite; 3]),
    ("/management/logs", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logs/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logs/7/accounts/acme/users", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logsets", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/logsets/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/live", [ReadWrite; 3]),
    ("/management/labels", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/metrics/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/targets", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/actions", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/actions/7", [ReadWrite; 3]),
    ("/management/actions/7/targets", [ReadOnly, ReadWrite, ReadWrite]),
    ("/management/tags/7", [ReadWrite; 3]),
    ("/management/archiving/jobs", [ReadWrite; 3]),
    ("/management/organizations/apikeys", [ReadWrite; 3]),
    ("/download/logs/7", [ReadWrite; 3]),
    ("/usage/organizations", [ReadWrite; 3]),
    ("/exports/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/search-stats", [ReadOnly, ReadWrite, ReadWrite]),
    ("/audit/query/logs/7", [ReadOnly, ReadWrite, ReadWrite]),
    ("/log_search/management/logs", [ReadOnly, ReadWrite, ReadWrite]),
    ("/log_search/management/accounts/acme/users", [Owner; 3]),
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
    TABLE.iter().flat_map(|&(path, [read, write, other])| {
        let of = |methods: &[Method], access| methods.iter().map(|m| (m.clone(), path, access)).collect::<Vec<_>>();
        [of(&READ, read), of(&WRITE, write), of(&OTHER, other)].concat()
    })
}

#[test]
fn table_ignores_endings_and_queries() {
    for (method, path, access) in rows() {
        for ending in ["", "/", "//", "?", "?limit=5", "/?next=/management/logs", "?next=/management/accounts/acme/"] {
            assert_eq!(Access::required_for(&method, &format!("{path}{ending}")), access, "{method} {path}{ending}");
        }
    }
}

#[tokio::test]
async fn table_chooses_the_key() {
    let layer = layer();
    for (method, path, access) in rows() {
        let request = pass(&layer, to_vendor(method.clone(), &format!("{path}/?limit=5"))).await.unwrap();
        assert_eq!(key_of(&request), Some(access), "{method} {path}");
    }
}

#[test]
fn posted_queries_are_read_only() {
    for path in ["/query/logs", "/query/live/logs", "/audit/query/logs"] {
        for prefix in ["", "/log_search"] {
            assert_eq!(Access::documented(&Method::POST, &format!("{prefix}{path}")), Some(ReadOnly), "{prefix}{path}");
        }
    }
}

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
    for path in ["", "/management", "/management/live", "/management/accounts/acme/usersX", "/v1/management/logs"] {
        assert_eq!(Access::documented(&Method::GET, path), None, "{path}");
    }
    assert_eq!(Access::documented(&Method::GET, "/management/tags"), Some(ReadWrite));
}

/// The server decides about reads that are disputed or undocumented: the strongest API key goes.
#[tokio::test]
async fn disputed_reads_use_the_strongest_api_key() {
    let only_read_only = LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap());
    for path in ["/management/tags", "/management/actions/7", "/download/logs/7", "/management/new-resource"] {
        for method in READ {
            let request = pass(&layer(), to_vendor(method.clone(), path)).await.unwrap();
            assert_eq!(key_of(&request), Some(ReadWrite), "{path}");
            let request = pass(&only_read_only, to_vendor(method, path)).await.unwrap();
            assert_eq!(key_of(&request), Some(ReadOnly), "{path}");
        }
        let error = pass(&only_read_only, to_vendor(Method::POST, path)).await.unwrap_err();
        assert!(matches!(error, AuthError::InsufficientAccess { required: ReadWrite }), "{path}: {error}");
    }
}

#[tokio::test]
async fn platform_key_goes_to_the_platform() {
    let sent_to = async |credentials: Credentials, origin: &str| {
        let request =
            http::Request::post(format!("{origin}{LOGS}")).body(http_body_util::Full::<bytes::Bytes>::default());
        let sent = pass(&LogentriesAuthLayer::new(credentials), request.unwrap()).await.unwrap();
        sent.headers()["x-api-key"].to_str().unwrap().to_owned()
    };
    let (platform, rest) = ("https://eu.api.insight.rapid7.com/log_search", "https://eu.rest.logs.insight.rapid7.com");
    let alone = || Credentials::platform("platform-key").unwrap();
    let both = || alone().with_read_write(READ_WRITE_KEY).unwrap();
    assert_eq!(sent_to(alone(), platform).await, "platform-key");
    assert_eq!(sent_to(alone(), rest).await, "platform-key");
    assert_eq!(sent_to(both(), platform).await, "platform-key");
    assert_eq!(sent_to(both(), rest).await, READ_WRITE_KEY);
    assert!(!format!("{:?}", both()).contains("platform-key"));
}

/// Every set of keys that credentials can hold.
fn every_set_of_keys() -> Vec<(Vec<Access>, Credentials)> {
    let owner = || Credentials::owner(KEY_ID, OWNER_KEY).unwrap();
    let read_write = || Credentials::read_write(READ_WRITE_KEY).unwrap();
    let read_only = || Credentials::read_only(READ_ONLY_KEY).unwrap();
    vec![
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
async fn least_privileged_sufficient_key_is_sent() {
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
async fn access_rule_replaces_the_table() {
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
async fn explicit_access_overrides_table_and_rule() {
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
async fn paths_are_not_decoded() {
    let layer = layer();
    for (path, access) in [("/management/log%73", ReadWrite), ("/management/accounts/acme%2Fteams", Owner)] {
        let request = pass(&layer, to_vendor(Method::GET, path)).await.unwrap();
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
