//! `mounted_at`: which prefix is taken off before rule and table are asked.

use std::sync::{Arc, Mutex};

use http::Method;
use proptest::prelude::*;
use tower_logentries_auth::{
    Access::{self, Owner, ReadOnly, ReadWrite},
    AuthError, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer,
};

use crate::support::{
    READ_WRITE_KEY, cases,
    inner::{key_of, pass, to_rapid7},
    layer,
    verifying::{present, required, verifier, with_api_key},
};

fn mounted(mounts: &[&str]) -> LogentriesVerifyLayer<Credentials> {
    mounts.iter().fold(verifier(), |layer, mount| layer.mounted_at(mount))
}

/// What a rule is given for a path, on the server and on the client.
async fn below(mounts: &[&str], path: &str) -> String {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let rule = move |_: &Method, path: &str| -> Option<Access> {
        kept.lock().unwrap().push(path.to_owned());
        None
    };
    let _ = present(&mounted(mounts).access(rule.clone()), with_api_key("GET", path, READ_WRITE_KEY)).await;
    let client = mounts.iter().fold(layer(), |layer, mount| layer.mounted_at(mount)).access(rule);
    pass(&client, to_rapid7(Method::GET, path)).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2, "each is asked once");
    assert_eq!(seen[0], seen[1], "both see the same");
    seen[0].clone()
}

#[tokio::test]
async fn mount_is_taken_off_once_by_whole_segments_with_its_case() {
    for (mount, path, expected) in [
        ("/api", "/api/x", "/x"),
        ("api", "/api/x", "/x"),
        ("/api/", "/api/x", "/x"),
        ("/api", "/api", "/"),
        ("/api", "/api/", "/"),
        ("/api", "/api/api/x", "/api/x"),
        ("/api", "/apix/x", "/apix/x"),
        ("/api", "/x/api/y", "/x/api/y"),
        ("/api", "/Api/x", "/Api/x"),
        ("/api/v1", "/api/x", "/api/x"),
        ("/api/v1", "/api", "/api"),
        ("/api/v1", "/api/v1/x/", "/x/"),
        ("/api/v1", "/api/v10/x", "/api/v10/x"),
        ("/", "/x", "/x"),
        ("", "/x", "/x"),
        // It is no mount of itself.
        ("/api", "/log_search/x", "/log_search/x"),
        ("/log_search", "/log_search/x", "/x"),
    ] {
        assert_eq!(below(&[mount], path).await, expected, "{path} below {mount}");
    }
}

#[tokio::test]
async fn longest_mount_counts_in_any_order() {
    for mounts in [["/api", "/api/v1", "/{x}"], ["/api/v1", "/{x}", "/api"], ["/{x}", "/api", "/api/v1"]] {
        for (path, expected) in
            [("/api/v1/y", "/y"), ("/api/v2/y", "/v2/y"), ("/api/v1", "/"), ("/other/v1/y", "/v1/y"), ("/other", "/")]
        {
            assert_eq!(below(&mounts, path).await, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn segment_in_braces_stands_for_any_one() {
    for (mount, path, expected) in [
        ("/{tenant}", "/acme/x", "/x"),
        ("/{tenant}", "/acme", "/"),
        ("/{tenant}", "/", "/"),
        ("/t/{tenant}/v1", "/t/acme/v1/x", "/x"),
        ("/t/{tenant}/v1", "/t/v1/x", "/t/v1/x"),
        ("/t/{tenant}/v1", "/t/acme/v2/x", "/t/acme/v2/x"),
        ("/{a}/{b}", "/1/2/x", "/x"),
        ("/{a}/{b}", "/1", "/1"),
        // Only a whole segment is a parameter.
        ("/v{n}", "/v1/x", "/v1/x"),
    ] {
        assert_eq!(below(&[mount], path).await, expected, "{path} below {mount}");
    }
}

#[tokio::test]
async fn table_looks_behind_the_mount_and_log_search() {
    let layer = mounted(&["/api", "/{tenant}/v1"]);
    for (path, access) in [
        ("/api/management/logs", ReadOnly),
        ("/api/log_search/management/logs", ReadOnly),
        ("/api/LOG_SEARCH/management/logs/", ReadOnly),
        ("/acme/v1/management/logs", ReadOnly),
        ("/management/logs", ReadOnly),
        ("/log_search/api/management/logs", ReadWrite),
        ("/api/log_search/log_search/management/logs", ReadWrite),
        ("/other/management/logs", ReadWrite),
        ("/api/usage/organizations", ReadWrite),
        ("/api/anything", ReadWrite),
        ("/api", ReadWrite),
    ] {
        assert_eq!(required(&layer, "GET", path).await, Ok(access), "{path}");
    }
}

#[tokio::test]
async fn owners_resource_stays_one_below_any_prefix() {
    let long = format!("{}/management/accounts/7", "/x".repeat(10_000));
    for layer in [
        mounted(&[]),
        mounted(&["/api", "/other"]),
        mounted(&["/management"]),
        mounted(&["/{any}"]),
        mounted(&["/management/accounts/{id}", "/api/management/accounts"]),
        mounted(&["/management/accounts/{id}/teams"]),
    ] {
        for prefix in ["", "/api", "/v1/v2", "/log_search", "/log_search/log_search", "/api/Log_Search", "/management"]
        {
            for path in ["", "/users", "/users/9", "/owners", "/Users/9/", "/new", "/apikeyz"] {
                for method in ["GET", "POST", "DELETE", "PURGE"] {
                    let path = format!("{prefix}/management/accounts/7{path}");
                    assert_eq!(required(&layer, method, &path).await, Ok(Owner), "{method} {path}");
                }
            }
            let changes = format!("{prefix}/management/accounts/7/apikeys/9");
            assert_eq!(required(&layer, "DELETE", &changes).await, Ok(Owner), "{changes}");
        }
        assert_eq!(required(&layer, "GET", &long).await, Ok(Owner));
        assert_eq!(required(&layer, "GET", "/management/accounts/7/teams/management/accounts/8").await, Ok(Owner));
    }
}

/// Reading the users of an account may need no owner key. Below a mount that is an owner's resource itself, it does.
#[tokio::test]
async fn mount_within_an_owners_resource_opens_nothing() {
    let client = LogentriesAuthLayer::new(Credentials::read_write(READ_WRITE_KEY).unwrap());
    let users = "/management/accounts/2/users";
    assert!(pass(&client, to_rapid7(Method::GET, users)).await.is_ok());
    for mount in ["/management/accounts/{id}", "/{a}/{b}/{c}"] {
        let below = format!("/management/accounts/1{users}");
        let refused = pass(&client.clone().mounted_at(mount), to_rapid7(Method::GET, &below)).await;
        assert!(matches!(refused, Err(AuthError::InsufficientAccess { required: Owner, .. })), "{mount}: {refused:?}");
    }
}

/// A URI has at most 65,534 bytes: the longest of them takes no noticeable time.
#[tokio::test]
async fn longest_paths_are_read_in_no_time() {
    let started = std::time::Instant::now();
    for segment in ["/management", "/management/accounts", "/management/accounts/7/teams", "/a"] {
        let path = segment.repeat(65_000 / segment.len());
        let _ = required(&mounted(&["/{a}", "/{a}/{b}/{c}"]), "GET", &path).await;
    }
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(cases(256))]

    /// No mounts and no prefix make an owner's resource weaker, for a server or a client.
    #[test]
    fn no_mount_hides_an_owners_resource(
        prefix in prop::collection::vec("api|v1|log_search|management|accounts|7", 0..5),
        mounts in prop::collection::vec("(/(api|v1|log_search|management|accounts|7|users|\\{x\\})){1,5}", 0..4),
        below in prop::sample::select(vec!["", "/users", "/users/9", "/owners/9", "/new/thing"]),
    ) {
        let prefix: String = prefix.iter().map(|segment| format!("/{segment}")).collect();
        let path = format!("{prefix}/management/accounts/7{below}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mounts: Vec<_> = mounts.iter().map(String::as_str).collect();
            prop_assert_eq!(required(&mounted(&mounts), "POST", &path).await, Ok(Owner), "{}", path);
            let client = mounts.iter().fold(layer(), |layer, mount| layer.mounted_at(mount));
            let sent = pass(&client, to_rapid7(Method::POST, &path)).await.unwrap();
            prop_assert_eq!(key_of(&sent), Some(Owner), "{}", path);
            Ok(())
        })?;
    }
}
