//! The rule of a layer, on top of the table, for both layers.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Method, Request};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    Access::{self, Owner, ReadOnly, ReadWrite},
    AuthError, Credentials, Identity, LogentriesAuthLayer, LogentriesVerifyLayer, Rejection,
    server::{Malformed, Reason},
};

use crate::support::{
    LOGS, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS, at, cases,
    inner::{RAPID7, key_of, pass, to_rapid7},
    layer,
    verifying::{TestRequest, mirror, present, required, verifier, with_api_key},
};

/// A service of one's own beside the API: who may read reports, and whose billing is.
fn rule(method: &Method, path: &str) -> Option<Access> {
    match path {
        "/reports" | "/" if method == Method::GET => Some(ReadOnly),
        path if path.starts_with("/billing/") => Some(Owner),
        "/management/accounts/open/users" => Some(ReadWrite),
        "/log_search/reports" => Some(Owner),
        _ => None,
    }
}

fn client() -> LogentriesAuthLayer {
    layer().clock(at(SIGNED_AT)).mounted_at("/v1").mounted_at("/v2").access(rule)
}

fn server() -> LogentriesVerifyLayer<Credentials> {
    verifier().mounted_at("/v1").mounted_at("/v2").access(rule)
}

/// Which key a client with all of them sends.
async fn sent(client: &LogentriesAuthLayer, method: &Method, path: &str) -> Option<Access> {
    key_of(&pass(client, to_rapid7(method.clone(), path)).await.unwrap())
}

#[tokio::test]
async fn both_layers_read_a_rule_on_top_of_the_table_below_two_mounts() {
    for mount in ["", "/v1", "/v2"] {
        for (method, path, access) in [
            (Method::GET, "/reports", ReadOnly),
            (Method::POST, "/reports", ReadWrite),
            (Method::POST, "/billing/7", Owner),
            (Method::GET, "/log_search/reports", Owner), // a rule sees that prefix
            // What the rule names is no owner's resource any more.
            (Method::POST, "/management/accounts/open/users", ReadWrite),
            // What it does not name is the table's.
            (Method::GET, LOGS, ReadOnly),
            (Method::POST, LOGS, ReadWrite),
            (Method::GET, "/log_search/management/logs", ReadOnly),
            (Method::GET, TEAMS, ReadWrite),
            (Method::GET, USERS, Owner),
            (Method::POST, "/management/accounts/open/users/7", Owner),
        ] {
            let path = format!("{mount}{path}");
            assert_eq!(sent(&client(), &method, &path).await, Some(access), "{method} {path}");
            assert_eq!(required(&server(), method.as_str(), &path).await, Ok(access), "{method} {path}");
        }
    }
    for path in ["/v1", "/v2/", "/"] {
        assert_eq!(sent(&client(), &Method::GET, path).await, Some(ReadOnly), "{path}");
        assert_eq!(required(&server(), "GET", path).await, Ok(ReadOnly), "a bare mount is `/`: {path}");
    }
}

/// The trap that a rule was: a mount and a rule let a read/write key read an owner's resource.
#[tokio::test]
async fn rule_that_is_silent_does_not_open_an_owners_resource() {
    let silent = |_: &Method, _: &str| None;
    let documented = |method: &Method, path: &str| Access::documented(method, path);
    for layer in [verifier().access(silent), verifier().mounted_at("/v1").access(documented)] {
        for path in [USERS, "/v1/management/accounts/acme/users", "/x/management/accounts/acme"] {
            assert_eq!(required(&layer, "GET", path).await, Ok(Owner), "{path}");
        }
    }
}

#[tokio::test]
async fn rule_is_asked_once_and_before_anything_else_about_the_key() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let layer = verifier().mounted_at("/v1").access(move |method: &Method, path: &str| {
        kept.lock().unwrap().push(format!("{method} {path}"));
        None
    });
    let take = || std::mem::take(&mut *asked.lock().unwrap());
    for key in [READ_ONLY_KEY, READ_WRITE_KEY, "unknown"] {
        let _ = present(&layer, with_api_key("GET", "/v1/management/accounts/7/users/?limit=5", key)).await;
        assert_eq!(take(), ["GET /management/accounts/7/users/"], "the path as it came, without mount and query");
    }
    // Its form is checked first, and a signature always suffices.
    let _ = present(&layer, with_api_key("GET", "/v1//x", READ_WRITE_KEY)).await;
    present(&layer, TestRequest::LIST.request()).await.unwrap();
    present(&layer, TestRequest { target: "/v1/billing/7", ..TestRequest::LIST }.request()).await.unwrap();
    assert!(take().is_empty());
}

#[tokio::test]
async fn signature_suffices_whatever_the_rule_says() {
    for access in [ReadOnly, ReadWrite, Owner] {
        let layer = verifier().access(move |_: &Method, _: &str| Some(access));
        present(&layer, TestRequest::LIST.request()).await.unwrap();
        let reads = present(&layer, with_api_key("GET", LOGS, READ_ONLY_KEY)).await;
        assert_eq!(reads.is_ok(), access == ReadOnly);
    }
}

/// An API key that a rule asks an owner's access of is forbidden, and only a rule can name other letters.
#[tokio::test]
async fn only_a_rule_names_paths_outside_visible_ascii() {
    let letters = verifier().access(|_: &Method, path: &str| (path == "/z%C3%BCrich").then_some(ReadOnly));
    assert_eq!(required(&letters, "GET", "/z%C3%BCrich").await, Ok(ReadOnly));
    for path in ["/z%C3%BCrich/", "/b%C3%A4r", "/management/logs/z%C3%BCrich"] {
        assert_eq!(required(&letters, "GET", path).await, Err(Malformed::Path), "{path}");
    }
    let signed = TestRequest { target: "/b%C3%A4r", ..TestRequest::LIST };
    present(&letters, signed.request()).await.unwrap();
}

#[tokio::test]
async fn explicit_access_of_a_client_is_not_asked_about() {
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

/// Where most sources say owner, an API key is sent by a client without an owner key, unless a rule says so.
#[tokio::test]
async fn list_of_users_is_sent_without_an_owner_key_unless_a_rule_says_owner() {
    let keys = Credentials::read_only(READ_ONLY_KEY).and_then(|keys| keys.with_read_write(READ_WRITE_KEY)).unwrap();
    let client = LogentriesAuthLayer::new(keys).mounted_at("/v1");
    for path in [USERS, "/v1/management/accounts/7/users", "/log_search/management/accounts/7/users/"] {
        assert_eq!(sent(&client, &Method::GET, path).await, Some(ReadWrite), "{path}");
        let owner = client.clone().access(|_: &Method, _: &str| Some(Owner));
        let mut explicit = to_rapid7(Method::GET, path);
        explicit.extensions_mut().insert(Owner);
        for refused in [
            pass(&owner, to_rapid7(Method::GET, path)).await,
            pass(&client, to_rapid7(Method::POST, path)).await,
            pass(&client, explicit).await,
        ] {
            assert!(matches!(refused, Err(AuthError::InsufficientAccess { required: Owner, .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn paths_are_not_decoded() {
    let layer = layer();
    for (path, access) in [("/management/log%73", ReadWrite), ("/management/accounts/acme%2Fteams", Owner)] {
        assert_eq!(sent(&layer, &Method::GET, path).await, Some(access), "{path}");
    }
}

fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "v1",
        "v2",
        "log_search",
        "management",
        "accounts",
        "7",
        "users",
        "teams",
        "apikeys",
        "logs",
        "query",
        "usage",
        "reports",
        "billing",
        "Management",
        "open",
    ])
}

proptest! {
    #![proptest_config(cases(512))]

    /// What a client sends with the same rule and mounts is accepted, and it is the weakest key that is.
    #[test]
    fn client_and_server_agree_about_any_path(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"]),
        segments in prop::collection::vec(segment(), 1..7),
        ending in prop::sample::select(vec!["", "/", "?limit=5"]),
    ) {
        let path = format!("/{}{ending}", segments.join("/"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let service = client().layer(server().layer(service_fn(mirror)));
            let request = Request::builder().method(method).uri(format!("{RAPID7}{path}")).body(Body::empty()).unwrap();
            let response = service.oneshot(request).await.unwrap();
            let rejection = response.extensions().get::<Rejection>();
            prop_assert!(rejection.is_none(), "{method} {path}: {rejection:?}");
            let sent = response.extensions().get::<Identity>().unwrap().access;
            let required = required(&server(), method, &path).await.unwrap();
            let is_open_read = ["GET", "HEAD"].contains(&method) && required == ReadWrite;
            prop_assert!(sent == required || is_open_read, "{method} {path}: {sent} sent, {required} required");
            Ok(())
        })?;
    }
}

/// An API key never passes because an outer layer or the request claims an access.
#[tokio::test]
async fn access_in_the_extensions_means_nothing_to_a_server() {
    let mut request = with_api_key("GET", USERS, READ_WRITE_KEY);
    request.extensions_mut().insert(ReadOnly);
    let rejection = present(&verifier(), request).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::Forbidden { required: Owner, .. }), "{rejection:?}");
}
