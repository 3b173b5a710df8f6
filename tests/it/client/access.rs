//! Which key a request is sent with: by its own `Access`, the layer's rule and mounts, or the table.

use axum::{body::Body, response::Response};
use http::{Method, Request};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_logentries_auth::{Access, AuthError, Credentials, LogentriesAuthLayer};

use crate::support::{
    LOGS, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, USERS, hyper_client,
    inner::{key_of, name_of_key, pass, to_rapid7},
    layer, layer_for,
    server::{Received, Recording, record, record_and},
};

const MOVED: &str = "/management/logs/moved";

/// Starts a server that redirects requests for a moved resource to `location`.
async fn moved_to(location: String) -> (String, Recording) {
    record_and(move |received| match received.target == MOVED {
        true => Response::builder().status(307).header("location", &location).body(Body::empty()).unwrap(),
        false => Response::new(Body::empty()),
    })
    .await
}

/// Sends a request with an `Access` that the table would not choose, over a client that trusts these origins.
async fn send_signed(origin: &str, also_trusted: &str, redirects: FollowRedirectLayer) {
    let client = ServiceBuilder::new()
        .layer(redirects)
        .layer(layer_for(origin).trust_origin(also_trusted).unwrap())
        .service(hyper_client());
    let request = Request::get(format!("{origin}{MOVED}")).extension(Access::Owner).body(Body::empty()).unwrap();
    assert_eq!(client.oneshot(request).await.unwrap().status(), 200);
}

#[track_caller]
fn assert_key(received: &Received, is_signed: bool) {
    match is_signed {
        true => assert_eq!(received.signature_error(), None),
        false => assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY)),
    }
}

#[tokio::test]
async fn explicit_access_follows_a_redirect_within_its_origin() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    send_signed(&origin, &origin, FollowRedirectLayer::new()).await;
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_key(&second, true);
}

#[tokio::test]
async fn table_applies_without_preserved_extensions() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    send_signed(&origin, &origin, FollowRedirectLayer::new().preserve_extensions(false)).await;
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_key(&second, false);
}

#[tokio::test]
async fn table_applies_on_another_trusted_origin() {
    let (other, there) = record().await;
    let (origin, here) = moved_to(format!("{other}{LOGS}")).await;
    send_signed(&origin, &other, FollowRedirectLayer::new()).await;
    assert_key(&here.only(), true);
    assert_key(&there.only(), false);
}

#[tokio::test]
async fn layer_rule_applies_on_every_hop() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    let layer =
        layer_for(&origin).access(|_, path| Some(if path == MOVED { Access::Owner } else { Access::ReadWrite }));
    let client = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer).service(hyper_client());
    let request = Request::get(format!("{origin}{MOVED}")).body(Body::empty()).unwrap();
    client.oneshot(request).await.unwrap();
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_eq!(second.header("x-api-key"), Some(READ_WRITE_KEY));
}

async fn key_for(layer: &LogentriesAuthLayer, method: Method, path: &str) -> Option<Access> {
    key_of(&pass(layer, to_rapid7(method, path)).await.unwrap())
}

#[tokio::test]
async fn rule_is_asked_first_and_table_for_the_rest() {
    let layer = layer().access(|method, path| match path {
        "/billing" if *method == Method::GET => Some(Access::Owner),
        USERS => Some(Access::ReadOnly),
        _ => None,
    });
    for (method, path, expected) in [
        (Method::GET, "/billing?month=8", Access::Owner),
        (Method::POST, "/billing", Access::ReadWrite),
        (Method::GET, USERS, Access::ReadOnly),
        (Method::POST, LOGS, Access::ReadWrite),
        (Method::GET, LOGS, Access::ReadOnly),
        (Method::GET, "/management/accounts/other/users", Access::Owner),
    ] {
        assert_eq!(key_for(&layer, method, path).await, Some(expected), "{path}");
    }
    let mut request = to_rapid7(Method::GET, USERS);
    request.extensions_mut().insert(Access::Owner);
    assert_eq!(key_of(&pass(&layer, request).await.unwrap()), Some(Access::Owner), "a request's own is not overruled");
}

#[tokio::test]
async fn mount_is_taken_off_for_rule_and_table() {
    let layer = layer().mounted_at("/v1").mounted_at("/{tenant}/api/");
    // Below a mount, the table says what is read-only. Elsewhere it knows nothing: a POST takes read/write.
    for (path, is_known) in [
        ("/query/logs", true),
        ("/v1/query/logs", true),
        ("/acme/api/query/logs", true),
        ("/v1/log_search/query/logs", true),
        ("/v2/query/logs", false),
        ("/V1/query/logs", false),
        ("/v12/query/logs", false),
        ("/v1/v1/query/logs", false),
        ("//api/query/logs", false),
        ("/acme/apis/query/logs", false),
    ] {
        let expected = if is_known { Access::ReadOnly } else { Access::ReadWrite };
        assert_eq!(key_for(&layer, Method::POST, path).await, Some(expected), "{path}");
    }
    // An owner's resource is one below any prefix.
    for prefix in ["", "/v1", "/v2", "/acme/api"] {
        assert_eq!(key_for(&layer, Method::GET, &format!("{prefix}{USERS}")).await, Some(Access::Owner));
    }

    let layer = layer.access(|_, path| (path == "/").then_some(Access::Owner));
    for (path, expected) in
        [("/", Access::Owner), ("/v1", Access::Owner), ("/v1/", Access::Owner), ("/v2", Access::ReadWrite)]
    {
        assert_eq!(key_for(&layer, Method::GET, path).await, Some(expected), "{path}");
    }
}

#[tokio::test]
async fn list_of_users_goes_out_with_the_strongest_api_key() {
    let platform = Credentials::platform(PLATFORM_KEY).unwrap();
    let both = Credentials::read_only(READ_ONLY_KEY).unwrap().with_read_write(READ_WRITE_KEY).unwrap();
    let owner = both.clone().with_owner(crate::support::KEY_ID, OWNER_KEY).unwrap();
    for (credentials, name) in [
        (Credentials::read_only(READ_ONLY_KEY).unwrap(), "read-only"),
        (both, "read/write"),
        (platform, "platform"),
        (owner, "owner"),
    ] {
        let layer = LogentriesAuthLayer::new(credentials).mounted_at("/v1");
        for method in [Method::GET, Method::HEAD] {
            for path in [USERS, "/log_search/management/accounts/acme/users/", "/v1/management/accounts/acme/users"] {
                let sent = pass(&layer, to_rapid7(method.clone(), path)).await.unwrap();
                assert_eq!(name_of_key(&sent), name, "{method} {path}");
            }
        }
        // Nothing else below an account does.
        let others =
            [(Method::POST, USERS), (Method::OPTIONS, USERS), (Method::GET, "/management/accounts/acme/users/7")];
        for (method, path) in others {
            let sent = pass(&layer, to_rapid7(method, path)).await;
            assert_eq!(sent.is_ok(), name == "owner", "{path}");
        }
    }
}

#[tokio::test]
async fn list_of_users_fails_where_a_rule_or_an_access_says_owner() {
    let layer = LogentriesAuthLayer::new(Credentials::read_write(READ_WRITE_KEY).unwrap());
    let ruled = layer.clone().access(|_, _| Some(Access::Owner));
    let mut explicit = to_rapid7(Method::GET, USERS);
    explicit.extensions_mut().insert(Access::Owner);
    for (layer, request) in [(ruled, to_rapid7(Method::GET, USERS)), (layer, explicit)] {
        let error = pass(&layer, request).await.unwrap_err();
        assert!(matches!(error, AuthError::InsufficientAccess { required: Access::Owner, .. }), "{error}");
    }
}
