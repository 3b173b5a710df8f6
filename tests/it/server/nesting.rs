//! Which access a resource requires under axum's `nest`, with the verifying layer inside or outside.

use axum::{Router, routing::any};
use tower::ServiceExt;
use tower_logentries_auth::Access;

use crate::support::{
    READ_ONLY_KEY, READ_WRITE_KEY, hyper_client,
    server::serve,
    verifying::{TestRequest, verifier, with_api_key},
    with_timeout,
};

/// A router that answers to every path, behind the layer.
fn inner() -> Router {
    open().layer(verifier())
}

fn open() -> Router {
    Router::new().route("/{*path}", any(|| async {}))
}

/// The weakest of the three keys that is accepted.
async fn required(app: Router, method: &str, path: &str) -> Access {
    let origin = serve(app).await;
    let target = format!("{origin}{path}");
    for (key, access) in [(READ_ONLY_KEY, Access::ReadOnly), (READ_WRITE_KEY, Access::ReadWrite)] {
        match with_timeout(hyper_client().oneshot(with_api_key(method, &target, key))).await.unwrap().status().as_u16()
        {
            200 => return access,
            status => assert_eq!(status, 403, "{method} {path}"),
        }
    }
    let signed = TestRequest { method, target: path, ..TestRequest::LIST };
    let response = with_timeout(hyper_client().oneshot(signed.request_to(&origin))).await.unwrap();
    assert_eq!(response.status(), 200, "{method} {path}");
    Access::Owner
}

#[tokio::test]
async fn owners_resource_stays_one_below_any_prefix() {
    let users = ["/users", "/users/9", "/owners", "/Users/9/"];
    for method in ["GET", "POST", "DELETE"] {
        for path in users {
            let path = path.trim_end_matches('/');
            for (app, prefix) in [
                // The layer outside.
                (Router::new().nest("/api", open()).layer(verifier()), "/api/management/accounts/7"),
                (
                    Router::new().nest("/api", open()).layer(verifier().mounted_at("/other")),
                    "/api/management/accounts/7",
                ),
                // The layer inside, with part of the owner's resource in the prefix.
                (Router::new().nest("/api", inner()), "/api/management/accounts/7"),
                (Router::new().nest("/api/management", inner()), "/api/management/accounts/7"),
                (Router::new().nest("/log_search/management", inner()), "/log_search/management/accounts/7"),
                (Router::new().nest("/api", Router::new().nest("/management", inner())), "/api/management/accounts/7"),
                (Router::new().nest("/management/accounts/{id}", inner()), "/management/accounts/7"),
                (
                    Router::new().nest("/a/b", Router::new().nest("/management/accounts/{id}", inner())),
                    "/a/b/management/accounts/7",
                ),
            ] {
                let path = format!("{prefix}{path}");
                assert_eq!(required(app, method, &path).await, Access::Owner, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn table_is_asked_of_the_original_path_and_of_the_inner_one() {
    for (prefix, path, access) in [
        // The original path is in the table.
        ("/management", "/management/logs", Access::ReadOnly),
        ("/log_search/management", "/log_search/management/logs", Access::ReadOnly),
        ("/usage", "/usage/organizations", Access::ReadWrite),
        // The inner one is.
        ("/api", "/api/management/logs", Access::ReadOnly),
        ("/api/v1", "/api/v1/log_search/query/logs/7", Access::ReadOnly),
        ("/api", "/api/usage/organizations", Access::ReadWrite),
        // Both are.
        ("/query", "/query/usage/organizations", Access::ReadWrite),
        ("/usage", "/usage/management/logs", Access::ReadWrite),
        // None is.
        ("/api", "/api/anything", Access::ReadWrite),
        ("/api/management", "/api/management/logs", Access::ReadWrite),
    ] {
        assert_eq!(required(Router::new().nest(prefix, inner()), "GET", path).await, access, "{path} below {prefix}");
    }
}

#[tokio::test]
async fn harmless_tail_does_not_weaken_the_whole_path() {
    for before in ["", "/api", "/log_search", "/LOG_SEARCH", "/api/log_search"] {
        for nest in ["/management/accounts/{id}", "/Management/accounts/{id}", "/management/new"] {
            let app = Router::new().nest(&format!("{before}{nest}"), inner());
            let path = format!("{before}{}/query/logs", nest.replace("{id}", "7"));
            assert_eq!(required(app, "GET", &path).await, Access::ReadWrite, "{path}");
        }
    }
}

#[tokio::test]
async fn mount_is_stripped_by_whole_segments() {
    for mount in ["/api/v1", "/api/v1/", "api/v1"] {
        let app = |mount| Router::new().nest("/api/v1", open()).layer(verifier().mounted_at(mount));
        for (path, access) in [
            ("/api/v1/management/logs", Access::ReadOnly),
            ("/api/v1/log_search/management/logs", Access::ReadOnly),
            ("/api/v1/usage/organizations", Access::ReadWrite),
            ("/api/v1/management/accounts/7/users", Access::Owner),
        ] {
            assert_eq!(required(app(mount), "GET", path).await, access, "{path} below {mount}");
        }
        let other = Router::new().nest("/api/v10", open()).layer(verifier().mounted_at(mount));
        assert_eq!(required(other, "GET", "/api/v10/management/logs").await, Access::ReadWrite, "{mount}");
    }
    let at_root = open().layer(verifier().mounted_at("/"));
    assert_eq!(required(at_root, "GET", "/management/logs").await, Access::ReadOnly);
}

#[tokio::test]
async fn undocumented_resources_require_what_is_set() {
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Owner] {
        let app = || open().layer(verifier().undocumented(access));
        for path in ["/management/new-resource", "/api/management/logs", "/anything"] {
            assert_eq!(required(app(), "GET", path).await, access, "{path}");
        }
        assert_eq!(required(app(), "GET", "/usage/organizations").await, Access::ReadWrite);
        assert_eq!(required(app(), "GET", "/management/logs").await, Access::ReadOnly);
        assert_eq!(required(app(), "GET", "/api/management/accounts/7/users").await, Access::Owner);
    }
}
