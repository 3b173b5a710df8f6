//! `stripped_prefix`: what a proxy took off the path is put back before anything is decided.

use axum::{Router, body::Body, routing::any};
use http::Request;
use tower::ServiceExt;
use tower_logentries_auth::{
    Access, Credentials, LogentriesVerifyLayer, Rejection,
    server::{Malformed, Reason},
};

use crate::support::{
    READ_ONLY_KEY, READ_WRITE_KEY,
    verifying::{TestRequest, present, required, verifier, with_api_key},
};

fn behind_proxy() -> LogentriesVerifyLayer<Credentials> {
    verifier().stripped_prefix("/api")
}

/// A request that was signed for one path, and arrives with another.
fn signed(path: &str, arrives: &str) -> Request<Body> {
    let credential = TestRequest { target: path, ..TestRequest::LIST }.credential();
    TestRequest { target: arrives, ..TestRequest::LIST }.carrying(credential).unwrap()
}

async fn kind(layer: &LogentriesVerifyLayer<Credentials>, request: Request<Body>) -> Option<&'static str> {
    present(layer, request).await.err().as_ref().map(Rejection::kind)
}

#[tokio::test]
async fn signature_covers_the_prefix() {
    for (prefix, path, arrives) in [
        ("/api", "/api/management/accounts/7", "/management/accounts/7"),
        ("/api", "/api/management/accounts/7?limit=5", "/management/accounts/7?limit=5"),
        ("api/", "/api/management/accounts/7", "/management/accounts/7"),
        ("/api/v1/", "/api/v1/management/accounts/7", "/management/accounts/7"),
        ("/management", "/management/accounts/7/users", "/accounts/7/users"),
        // An arriving `/` adds nothing.
        ("/api", "/api", "/"),
        ("/api", "/api?limit=5", "/?limit=5"),
        // No prefix at all.
        ("", "/management/accounts/7", "/management/accounts/7"),
        ("/", "/", "/"),
    ] {
        let passed = present(&verifier().stripped_prefix(prefix), signed(path, arrives)).await;
        assert_eq!(passed.unwrap().uri(), arrives, "the service sees what arrived");
    }
}

/// Exactly that prefix, never "with or without".
#[tokio::test]
async fn direct_or_unstripped_request_fails_if_it_is_signed() {
    let api = "/api/management/accounts/7";
    let bare = "/management/accounts/7";
    for (path, arrives) in [
        (bare, bare), // direct
        (api, api),   // not stripped
        ("/api/api/management/accounts/7", bare),
        ("/apimanagement/accounts/7", bare),
        ("/API/management/accounts/7", bare),
        ("/management/accounts/7/api", bare),
        ("/", "/"),
        ("/api/v1/management/accounts/7", bare),
    ] {
        assert_eq!(kind(&behind_proxy(), signed(path, arrives)).await, Some("invalid_signature"), "{path} {arrives}");
    }
    let slash = present(&behind_proxy(), signed("/api/x", "/x/")).await.unwrap_err();
    assert!(matches!(slash.reason(), Reason::Malformed(Malformed::Path)), "{slash:?}");
    assert_eq!(kind(&verifier(), signed(api, bare)).await, Some("invalid_signature"), "without the setting");
}

#[tokio::test]
async fn no_header_sets_or_changes_the_prefix() {
    let (api, bare) = ("/api/management/accounts/7", "/management/accounts/7");
    for name in
        ["x-forwarded-prefix", "x-forwarded-path", "x-original-uri", "x-original-url", "x-rewrite-url", "forwarded"]
    {
        for value in ["/api", "/other", api] {
            let with_header = |mut request: Request<Body>| {
                request.headers_mut().insert(name, value.parse().unwrap());
                request
            };
            assert_eq!(kind(&verifier(), with_header(signed(api, bare))).await, Some("invalid_signature"), "{name}");
            assert_eq!(kind(&behind_proxy(), with_header(signed(api, bare))).await, None, "{name}");
        }
    }
}

#[tokio::test]
async fn prefix_is_a_mount_and_others_are_written_whole() {
    let layer = behind_proxy().mounted_at("/api/v1").mounted_at("/v2");
    for (arrives, access) in [
        ("/management/logs", Access::ReadOnly),
        ("/v1/management/logs", Access::ReadOnly),
        ("/log_search/management/logs", Access::ReadOnly),
        ("/v1/log_search/management/logs", Access::ReadOnly),
        ("/v2/management/logs", Access::ReadWrite), // `/api/v2` was not set
        ("/api/management/logs", Access::ReadWrite),
        ("/management/accounts/7/users", Access::Owner),
        ("/v1/management/accounts/7/users", Access::Owner),
    ] {
        assert_eq!(required(&layer, "GET", arrives).await, Ok(access), "{arrives}");
    }
}

/// It cannot be told apart, and gets what its key allows.
#[tokio::test]
async fn request_with_an_api_key_may_arrive_directly() {
    for key in [READ_ONLY_KEY, READ_WRITE_KEY] {
        present(&behind_proxy(), with_api_key("GET", "/management/logs", key)).await.unwrap();
    }
}

#[tokio::test]
async fn owners_resource_may_be_split_by_the_prefix() {
    for (prefix, arrives) in [
        ("/management", "/accounts/7/users"),
        ("/management/accounts", "/7"),
        ("/x/management/accounts/7", "/users"),
        ("/management/accounts/7", "/"),
    ] {
        let layer = verifier().stripped_prefix(prefix);
        for method in ["GET", "POST"] {
            assert_eq!(required(&layer, method, arrives).await, Ok(Access::Owner), "{prefix} {arrives}");
        }
    }
}

/// What is no path has no prefix.
#[tokio::test]
async fn asterisk_is_left_alone() {
    assert_eq!(required(&behind_proxy(), "OPTIONS", "*").await, Ok(Access::ReadWrite));
    assert_eq!(kind(&behind_proxy(), signed("*", "*")).await, Some("malformed"));
}

#[tokio::test]
async fn nests_below_a_stripped_prefix() {
    let layer = behind_proxy().mounted_at("/api/v1");
    let inner = Router::new().route("/{*path}", any(async || {})).layer(layer);
    let app = Router::new().nest("/v1", inner);
    for (path, arrives, status) in [
        ("/api/v1/management/accounts/7", "/v1/management/accounts/7", 200),
        ("/v1/management/accounts/7", "/v1/management/accounts/7", 401),
        ("/api/management/accounts/7", "/v1/management/accounts/7", 401),
    ] {
        assert_eq!(app.clone().oneshot(signed(path, arrives)).await.unwrap().status(), status, "{path}");
    }
    let by_key = app.oneshot(with_api_key("GET", "/v1/management/logs", READ_ONLY_KEY)).await.unwrap();
    assert_eq!(by_key.status(), 200);
}
