//! Which path is signed, and which access it requires, under axum's `nest` with the layer inside or outside.

use axum::{
    Router,
    body::Body,
    routing::{any, delete},
};
use http::Request;
use tower::{Layer, ServiceExt, util::MapRequestLayer};
use tower_logentries_auth::{Access, Credentials, LogentriesVerifyLayer, Rejection};

use crate::support::{
    READ_ONLY_KEY, READ_WRITE_KEY,
    verifying::{TestRequest, verifier, with_api_key},
};

/// A router that answers to every path.
fn open() -> Router {
    Router::new().route("/", any(async || {})).route("/{*path}", any(async || {}))
}

/// The same, behind the layer.
fn inner(layer: LogentriesVerifyLayer<Credentials>) -> Router {
    open().layer(layer)
}

/// The status of a response, and the kind of its rejection.
async fn outcome(app: &Router, request: Request<Body>) -> (u16, Option<&'static str>) {
    let response = app.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response.extensions().get::<Rejection>().map(Rejection::kind))
}

const PASSED: (u16, Option<&'static str>) = (200, None);

/// The weakest of the three keys that is accepted.
async fn required(app: &Router, method: &str, path: &str) -> Access {
    for (key, access) in [(READ_ONLY_KEY, Access::ReadOnly), (READ_WRITE_KEY, Access::ReadWrite)] {
        match outcome(app, with_api_key(method, path, key)).await {
            PASSED => return access,
            rejected => assert_eq!(rejected, (403, Some("forbidden")), "{method} {path}"),
        }
    }
    let signed = TestRequest { method, target: path, ..TestRequest::LIST };
    assert_eq!(outcome(app, signed.request()).await, PASSED, "{method} {path}");
    Access::Owner
}

/// Around a router that nests at a prefix, and inside of it: all ways to place the layer.
fn placed(prefix: &str, layer: &LogentriesVerifyLayer<Credentials>) -> [Router; 3] {
    [
        Router::new().nest(prefix, open()).layer(layer.clone()),
        Router::new().nest(prefix, inner(layer.clone())),
        Router::new().nest("/outer", Router::new().nest("/x", open())).nest(prefix, inner(layer.clone())),
    ]
}

#[tokio::test]
async fn layer_requires_the_same_inside_and_outside() {
    let api = verifier().mounted_at("/api");
    for app in placed("/api", &api) {
        assert_eq!(required(&app, "GET", "/api/management/logs").await, Access::ReadOnly);
        assert_eq!(required(&app, "GET", "/api/log_search/management/logs").await, Access::ReadOnly);
        assert_eq!(required(&app, "POST", "/api/management/logs").await, Access::ReadWrite);
        assert_eq!(required(&app, "GET", "/api/management/accounts/7/users").await, Access::Owner);
        assert_eq!(required(&app, "GET", "/api").await, Access::ReadWrite);
    }
    let tenants = verifier().mounted_at("/{tenant}/v1");
    for app in placed("/{tenant}/v1", &tenants) {
        assert_eq!(required(&app, "GET", "/acme/v1/management/logs").await, Access::ReadOnly);
        assert_eq!(required(&app, "GET", "/acme/v1/management/accounts/7").await, Access::Owner);
    }
}

#[tokio::test]
async fn layer_without_its_mount_fails_closed() {
    for app in placed("/api", &verifier()).into_iter().chain(placed("/api", &verifier().mounted_at("/ap"))) {
        assert_eq!(required(&app, "GET", "/api/management/logs").await, Access::ReadWrite);
        assert_eq!(required(&app, "GET", "/api/management/accounts/7").await, Access::Owner);
    }
}

/// The table reads the whole path, so that a prefix may be a part of what it knows.
#[tokio::test]
async fn prefix_may_be_part_of_a_resource() {
    for (prefix, path, access) in [
        ("/management", "/management/logs", Access::ReadOnly),
        ("/log_search/management", "/log_search/management/logs", Access::ReadOnly),
        ("/management", "/management/accounts/7/teams", Access::ReadWrite),
        ("/query", "/query/usage/organizations", Access::ReadOnly),
        ("/usage", "/usage/management/logs", Access::ReadWrite),
        ("/management/accounts/{id}", "/management/accounts/7/users", Access::Owner),
        ("/Management/accounts/{id}", "/Management/accounts/7/Owners/9", Access::Owner),
        ("/a/b/management/accounts/{id}", "/a/b/management/accounts/7/users", Access::Owner),
        // A tail that looks harmless does not weaken what the whole path requires.
        ("/management/accounts/{id}", "/management/accounts/7/query/logs", Access::Owner),
        ("/LOG_SEARCH/management/accounts/{id}", "/LOG_SEARCH/management/accounts/7/query/logs", Access::Owner),
        ("/management/new", "/management/new/query/logs", Access::ReadWrite),
    ] {
        let app = Router::new().nest(prefix, inner(verifier()));
        assert_eq!(required(&app, "GET", path).await, access, "{path} below {prefix}");
    }
}

#[tokio::test]
async fn signature_covers_the_whole_path() {
    for app in placed("/api/v1", &verifier().mounted_at("/api/v1")) {
        let signed = TestRequest { target: "/api/v1/management/accounts/7", ..TestRequest::LIST };
        assert_eq!(outcome(&app, signed.request()).await, PASSED);
        let below = TestRequest { target: "/management/accounts/7", ..TestRequest::LIST };
        let request = signed.carrying(below.credential()).unwrap();
        assert_eq!(outcome(&app, request).await, (401, Some("invalid_signature")));
    }
}

#[tokio::test]
async fn form_of_the_prefix_is_checked_too() {
    let app = Router::new().nest("/tenants/{tenant}", inner(verifier().mounted_at("/tenants/{tenant}")));
    let present = async |path| outcome(&app, with_api_key("GET", path, READ_ONLY_KEY)).await;
    assert_eq!(present("/tenants/acme/management/logs").await, PASSED);
    for path in [
        "/tenants/%61cme/management/logs",
        "/tenants/x;y/management/logs",
        "/tenants/../management/logs",
        "/tenants/z%C3%BCrich/management/logs",
        "/tenants/acme//management/logs",
        "/tenants/acme/management/logs/..",
    ] {
        assert_eq!(present(path).await, (400, Some("malformed")), "{path}");
    }
}

/// A signature covers the path that was signed, not one that something wrote in its place.
#[tokio::test]
async fn rewritten_path_is_malformed() {
    let path = "/management/accounts/acme/users/1";
    let user = Router::new().route("/management/accounts/acme/users/{id}", delete(async || {})).layer(verifier());
    let draft = TestRequest { method: "DELETE", target: path, ..TestRequest::LIST };
    assert_eq!(outcome(&user, draft.request()).await, PASSED);
    for other in ["/management/accounts/acme/users/2", "/1/2", "/sers/1"] {
        let rewrite = MapRequestLayer::new(move |mut request: Request<Body>| {
            *request.uri_mut() = other.parse().unwrap();
            request
        });
        let rewriting = Router::new().fallback_service(rewrite.layer(user.clone()));
        assert_eq!(outcome(&rewriting, draft.request()).await, (400, Some("malformed")), "{other}");
        let by_key = with_api_key("DELETE", path, READ_WRITE_KEY);
        assert_eq!(outcome(&rewriting, by_key).await, (400, Some("malformed")), "{other}");
    }
}
