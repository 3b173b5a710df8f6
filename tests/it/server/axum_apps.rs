//! The verifying layer in axum applications.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::OriginalUri,
    routing::{delete, get, post},
};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::{
    cors::{Any, CorsLayer},
    trace::TraceLayer,
};
use tower_logentries_auth::{
    Access, Identity, Rejection,
    server::{MissingVerifyLayer, ResponseBody},
};

use crate::support::{
    KEY_ID, LOGS, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS, hyper_client,
    server::serve,
    verifying::{TestRequest, verifier, with_api_key},
    with_timeout,
};

async fn send(request: Request<Body>) -> Response<Incoming> {
    hyper_client().oneshot(request).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// The status of a request with an API key.
async fn status(origin: &str, path: &str, key: &str) -> u16 {
    send(with_api_key("GET", &format!("{origin}{path}"), key)).await.status().as_u16()
}

/// The status of a signed request.
async fn signed_status(origin: &str, draft: TestRequest<'_>) -> u16 {
    send(draft.request_to(origin)).await.status().as_u16()
}

async fn tell(who: Identity) -> String {
    format!("{} by {:?}", who.access, who.key_id)
}

#[tokio::test]
async fn handler_extracts_authenticated() {
    let origin = serve(Router::new().route(USERS, get(tell)).route(LOGS, get(tell)).layer(verifier())).await;
    let by_owner = text(send(TestRequest::LIST.request_to(&origin)).await).await;
    assert_eq!(by_owner, format!("owner by Some({KEY_ID:?})"));
    let by_key = text(send(with_api_key("GET", &format!("{origin}{LOGS}"), READ_ONLY_KEY)).await).await;
    assert_eq!(by_key, "read-only by None");
}

#[tokio::test]
async fn extractor_without_layer_names_what_is_missing() {
    let origin = serve(Router::new().route(USERS, get(tell))).await;
    let response = send(TestRequest::LIST.request_to(&origin)).await;
    assert_eq!(response.status(), 500);
    assert_eq!(text(response).await, MissingVerifyLayer.to_string());
}

#[tokio::test]
async fn route_added_after_the_layer_is_public() {
    let app = Router::new().route(LOGS, get(|| async {})).layer(verifier()).route("/health", get(|| async {}));
    let origin = serve(app).await;
    let anonymous = |path| send(Request::get(format!("{origin}{path}")).body(Body::empty()).unwrap());
    assert_eq!(anonymous(LOGS).await.status(), 401);
    assert_eq!(anonymous("/health").await.status(), 200);
}

#[tokio::test]
async fn unknown_route_is_401_before_404() {
    let origin = serve(Router::new().route(LOGS, get(|| async {})).layer(verifier())).await;
    assert_eq!(status(&origin, "/management/nothing", "nobody's").await, 401);
    assert_eq!(status(&origin, "/management/nothing", READ_WRITE_KEY).await, 404);
}

#[tokio::test]
async fn handler_gets_the_signed_body() {
    let app = Router::new().route(USERS, post(|body: Bytes| async { body })).layer(verifier());
    let origin = serve(app).await;
    let response = send(TestRequest::CREATE.request_to(&origin)).await;
    assert_eq!(text(response).await.as_bytes(), TestRequest::CREATE.body);
}

#[tokio::test]
async fn credentials_are_sensitive_in_handlers() {
    let sensitive = |headers: HeaderMap| async move {
        let values: Vec<_> = headers.values().filter(|value| value.is_sensitive()).cloned().collect();
        format!("{} {values:?} {headers:?}", values.len())
    };
    let origin = serve(Router::new().route(USERS, get(sensitive)).route(LOGS, get(sensitive)).layer(verifier())).await;
    for (request, secret) in [
        (TestRequest::LIST.request_to(&origin), &*TestRequest::LIST.credential()),
        (with_api_key("GET", &format!("{origin}{LOGS}"), READ_ONLY_KEY), READ_ONLY_KEY),
    ] {
        let seen = text(send(request).await).await;
        assert!(seen.starts_with("1 [Sensitive]"), "{seen}");
        assert!(!seen.contains(secret), "{seen}");
    }
}

#[tokio::test]
async fn nested_signature_covers_the_original_path() {
    let inner = Router::new().route(USERS, get(tell)).layer(verifier());
    let origin = serve(Router::new().nest("/api/v1", inner)).await;
    let nested = TestRequest { target: "/api/v1/management/accounts/acme/users", ..TestRequest::LIST };
    assert_eq!(signed_status(&origin, nested).await, 200);

    let for_the_inner_path = TestRequest::LIST.credential();
    let target = format!("{origin}{}", nested.target);
    let request = TestRequest { target: &target, ..nested }.carrying(for_the_inner_path).unwrap();
    assert_eq!(send(request).await.status(), 401);
}

#[tokio::test]
async fn nested_access_uses_the_inner_path() {
    let inner = || Router::new().route(LOGS, get(|| async {})).route(USERS, get(|| async {}));
    let layer_inside = serve(Router::new().nest("/api", inner().layer(verifier()))).await;
    assert_eq!(status(&layer_inside, "/api/management/logs", READ_ONLY_KEY).await, 200);
    assert_eq!(status(&layer_inside, "/api/management/accounts/acme/users", READ_WRITE_KEY).await, 403);

    // A prefix may be part of what the table knows: then the owner's resources stay the owner's.
    let accounts = Router::new().fallback(|| async {}).layer(verifier());
    let below_management = serve(Router::new().nest("/management", accounts)).await;
    assert_eq!(status(&below_management, "/management/accounts/acme/users", READ_WRITE_KEY).await, 403);
    assert_eq!(status(&below_management, "/management/accounts/acme/teams", READ_WRITE_KEY).await, 200);

    let logs = Router::new().route("/logs", get(|| async {})).layer(verifier());
    let below_management = serve(Router::new().nest("/management", logs)).await;
    assert_eq!(status(&below_management, "/management/logs", READ_ONLY_KEY).await, 200);
    // A tail that happens to look harmless does not weaken what the whole path requires.
    let query = Router::new().fallback(|| async {}).layer(verifier());
    let below_account = serve(Router::new().nest("/management/accounts/{id}", query)).await;
    assert_eq!(status(&below_account, "/management/accounts/acme/query/logs", READ_ONLY_KEY).await, 403);
    assert_eq!(status(&below_account, "/management/accounts/acme/query/logs", READ_WRITE_KEY).await, 200);

    // From outside, the prefix is part of the path, which the table then does not know: a rule has to take it off.
    let layer_outside = serve(Router::new().nest("/api", inner()).layer(verifier())).await;
    assert_eq!(status(&layer_outside, "/api/management/logs", READ_ONLY_KEY).await, 403);
    assert_eq!(status(&layer_outside, "/api/management/accounts/acme/users", READ_WRITE_KEY).await, 403);
    let mounted = serve(Router::new().nest("/api", inner()).layer(verifier().mounted_at("/api/"))).await;
    assert_eq!(status(&mounted, "/api/management/logs", READ_ONLY_KEY).await, 200);
    assert_eq!(status(&mounted, "/api/management/accounts/acme/users", READ_WRITE_KEY).await, 403);
    let not_that_mount = serve(Router::new().nest("/api", inner()).layer(verifier().mounted_at("/ap"))).await;
    assert_eq!(status(&not_that_mount, "/api/management/logs", READ_ONLY_KEY).await, 403);
    let open = serve(Router::new().fallback(|| async {}).layer(verifier().undocumented(Access::ReadOnly))).await;
    assert_eq!(status(&open, "/management/new-resource", READ_ONLY_KEY).await, 200);
    let rule = |method: &Method, path: &str| Access::required_for(method, path.strip_prefix("/api").unwrap_or(path));
    let with_rule = serve(Router::new().nest("/api", inner()).layer(verifier().access(rule))).await;
    assert_eq!(status(&with_rule, "/api/management/logs", READ_ONLY_KEY).await, 200);
    assert_eq!(status(&with_rule, "/api/management/accounts/acme/users", READ_WRITE_KEY).await, 403);
}

#[tokio::test]
async fn access_rule_gets_method_and_inner_path() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let layer = verifier().access(move |method, path| {
        seen.lock().unwrap().push(format!("{method} {path}"));
        Access::Owner
    });
    let users = Router::new().route("/users", get(|| async {})).layer(layer);
    let origin = serve(Router::new().nest("/management/accounts/{id}", users)).await;
    assert_eq!(status(&origin, "/management/accounts/acme/users?limit=5", READ_WRITE_KEY).await, 403);
    assert_eq!(*asked.lock().unwrap(), ["GET /users"]);
    assert_eq!(signed_status(&origin, TestRequest::LIST).await, 200);
}

#[tokio::test]
async fn nested_api_key_requires_both_paths_unambiguous() {
    let inner = Router::new().fallback(|| async {}).layer(verifier());
    let origin = serve(Router::new().nest("/tenants/{tenant}", inner)).await;
    assert_eq!(status(&origin, "/tenants/acme/management/logs", READ_ONLY_KEY).await, 200);
    for path in [
        "/tenants/%61cme/management/logs",
        "/tenants/x;y/management/logs",
        "/tenants/../management/logs",
        "/tenants/acme//management/logs",
        "/tenants/acme/management/logs/..",
    ] {
        assert_eq!(status(&origin, path, READ_ONLY_KEY).await, 400, "{path}");
    }
}

#[tokio::test]
async fn handler_sees_both_paths() {
    let paths = |OriginalUri(whole): OriginalUri, left: Uri| async move { format!("{whole} {left}") };
    let app = Router::new().nest("/api", Router::new().route(LOGS, get(paths)).layer(verifier()));
    let origin = serve(app).await;
    let request = with_api_key("GET", &format!("{origin}/api/management/logs?limit=5"), READ_ONLY_KEY);
    assert_eq!(text(send(request).await).await, "/api/management/logs?limit=5 /management/logs?limit=5");
}

#[tokio::test]
async fn outer_layer_reads_the_rejection() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reasons);
    let read = move |response: Response<ResponseBody<Body>>| {
        let reason = response.extensions().get::<Rejection>().map(ToString::to_string);
        log.lock().unwrap().push(reason);
        response
    };
    let layers = ServiceBuilder::new().map_response(read).layer(verifier());
    let origin = serve(Router::new().route(USERS, get(|| async {})).layer(layers)).await;
    for draft in [
        TestRequest { key_id: "nobody", ..TestRequest::LIST },
        TestRequest { key: "another", ..TestRequest::LIST },
        TestRequest::LIST,
    ] {
        send(draft.request_to(&origin)).await;
    }
    send(with_api_key("GET", &format!("{origin}{TEAMS}"), READ_ONLY_KEY)).await;
    let expected = [
        Some("the key is unknown"),
        Some("the signature is invalid"),
        None,
        Some("the key grants read-only access, the resource requires read/write"),
    ];
    assert_eq!(*reasons.lock().unwrap(), expected.map(|reason| reason.map(str::to_owned)));
}

#[tokio::test]
async fn answering_layers_go_outside() {
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CorsLayer::new().allow_origin(Any).allow_headers(Any))
        .layer(verifier());
    let origin = serve(Router::new().route(LOGS, get(|| async {})).layer(layers)).await;
    let preflight = Request::options(format!("{origin}{LOGS}"))
        .header("origin", "https://example.com")
        .header("access-control-request-method", "GET")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(preflight).await.status(), 200);
    assert_eq!(status(&origin, LOGS, READ_ONLY_KEY).await, 200);
    assert_eq!(status(&origin, LOGS, "another").await, 401);
}

#[tokio::test]
async fn method_router_can_be_layered() {
    let open_reads = get(|| async {}).merge(post(|| async {}).layer(verifier()));
    let origin = serve(Router::new().route(USERS, open_reads)).await;
    let get = Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap();
    assert_eq!(send(get).await.status(), 200);
    assert_eq!(signed_status(&origin, TestRequest { key: "another", ..TestRequest::CREATE }).await, 401);
    assert_eq!(signed_status(&origin, TestRequest::CREATE).await, 200);
}

#[tokio::test]
async fn responses_stream() {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let body = Arc::new(Mutex::new(Some(body)));
    let stream = move || async move { Body::new(body.lock().unwrap().take().unwrap()) };
    let origin = serve(Router::new().route(LOGS, get(stream)).layer(verifier())).await;

    let response = send(with_api_key("GET", &format!("{origin}{LOGS}"), READ_ONLY_KEY)).await;
    let mut body = response.into_body();
    for line in ["first line\n", "second line\n"] {
        sender.send_data(line.into()).await.unwrap();
        assert_eq!(with_timeout(body.frame()).await.unwrap().unwrap().into_data().unwrap(), line);
    }
    drop(sender);
    assert!(with_timeout(body.frame()).await.is_none());
}

#[tokio::test]
async fn response_keeps_content_length() {
    let origin = serve(Router::new().route(LOGS, get(|| async { "[]" })).layer(verifier())).await;
    let response = send(with_api_key("GET", &format!("{origin}{LOGS}"), READ_ONLY_KEY)).await;
    assert_eq!(response.headers()["content-length"], "2");
}

/// A signature covers the path that was signed, not one that something wrote in its place.
#[tokio::test]
async fn rewritten_path_is_malformed() {
    let users = Router::new().route("/management/accounts/acme/users/{id}", delete(|| async {})).layer(verifier());
    let rewrite = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
        *request.uri_mut() = "/management/accounts/acme/users/2".parse().unwrap();
        request
    });
    let rewriting = Router::new().fallback_service(tower::Layer::layer(&rewrite, users.clone()));
    let draft = TestRequest { method: "DELETE", target: "/management/accounts/acme/users/1", ..TestRequest::LIST };
    assert_eq!(signed_status(&serve(users).await, draft).await, 200);
    assert_eq!(signed_status(&serve(rewriting).await, draft).await, 400);
}
