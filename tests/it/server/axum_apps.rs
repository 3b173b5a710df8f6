//! The verifying layer in axum applications.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::OriginalUri,
    routing::{get, post},
};
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, channel::Channel};
use hyper::body::Incoming;
use tower::ServiceExt;
use tower_logentries_auth::Identity;

use crate::support::{
    KEY_ID, LOGS, READ_ONLY_KEY, READ_WRITE_KEY, USERS, hyper_client,
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
async fn extractor_without_layer_is_500() {
    let origin = serve(Router::new().route(USERS, get(tell))).await;
    let response = send(TestRequest::LIST.request_to(&origin)).await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(text(response).await.contains(r#""errorCode":"misconfigured""#));
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
async fn handler_sees_both_paths() {
    let paths = |OriginalUri(whole): OriginalUri, left: Uri| async move { format!("{whole} {left}") };
    let app = Router::new().nest("/api", Router::new().route(LOGS, get(paths)).layer(verifier().mounted_at("/api")));
    let origin = serve(app).await;
    let request = with_api_key("GET", &format!("{origin}/api/management/logs?limit=5"), READ_ONLY_KEY);
    assert_eq!(text(send(request).await).await, "/api/management/logs?limit=5 /management/logs?limit=5");
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
