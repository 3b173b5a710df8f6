//! The layers of a server in the order that the docs give, as users compose them.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    middleware::{ResponseAxumBodyLayer, map_response},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn, util::option_layer};
use tower_http::{
    cors::CorsLayer, limit::RequestBodyLimitLayer, sensitive_headers::SetSensitiveRequestHeadersLayer,
    timeout::TimeoutLayer, trace::TraceLayer,
};
use tower_logentries_auth::{AUTHORIZATION_API_KEY, RejectReplaysLayer, Rejection, X_API_KEY};

use crate::support::{
    LOGS, READ_ONLY_KEY, TEAMS, USERS,
    bodies::{Act, Scripted},
    verifying::{DATE, TestRequest, verifier, with_api_key},
};

/// An error format of one's own.
async fn problem(response: Response) -> Response {
    let Some(rejection) = response.extensions().get::<Rejection>() else { return response };
    let problem = json!({ "type": rejection.error_code(), "title": rejection.public_message() });
    (rejection.status(), Json(problem)).into_response()
}

/// Everything in one builder, and an error format around it.
fn app() -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([X_API_KEY, AUTHORIZATION_API_KEY]))
        .layer(TraceLayer::new_for_http())
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(1)))
        .layer(RequestBodyLimitLayer::new(64))
        .map_request(|request: Request<_>| request.map(Body::new))
        .layer(verifier())
        .layer(RejectReplaysLayer::default());
    let echo = post(|body: Bytes| async { body }).get(async || "[]");
    Router::new().route(USERS, echo).route(LOGS, any(async || "[]")).layer(layers).layer(map_response(problem))
}

async fn send(app: &Router, request: Request<Body>) -> (u16, Bytes) {
    let response = app.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn all_layers_fit_in_one_service_builder() {
    let app = app();
    let (status, body) = send(&app, TestRequest::CREATE.request()).await;
    assert_eq!((status, &*body), (200, TestRequest::CREATE.body));
    assert_eq!(send(&app, with_api_key("GET", LOGS, READ_ONLY_KEY)).await.0, 200);

    let preflight = Request::options(LOGS)
        .header("origin", "https://example.com")
        .header("access-control-request-method", "GET")
        .body(Body::empty());
    assert_eq!(send(&app, preflight.unwrap()).await.0, 200, "it has no credentials");
}

/// Without a Content-Length: with one, the outer limit answers by itself.
fn too_long() -> Request<Body> {
    let chunks = [Act::Bytes(vec![b' '; 60].into()), Act::Pending, Act::Bytes(vec![b' '; 60].into())];
    let long = TestRequest { body: &[b' '; 120], ..TestRequest::CREATE };
    long.request().map(|_| Body::new(Scripted::new(chunks)))
}

#[tokio::test]
async fn one_map_response_formats_every_rejection() {
    let app = app();
    send(&app, TestRequest::CREATE.request()).await;
    for (request, status, code) in [
        (Request::get(LOGS).body(Body::empty()).unwrap(), 401, "unauthorized"),
        (with_api_key("GET", LOGS, "unknown"), 401, "unauthorized"),
        (with_api_key("POST", TEAMS, READ_ONLY_KEY), 403, "forbidden"),
        (with_api_key("GET", "//", READ_ONLY_KEY), 400, "bad_request"),
        (TestRequest::CREATE.request(), 401, "replayed"),
        (too_long(), 413, "body_too_large"),
    ] {
        let (answered, body) = send(&app, request).await;
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((answered, &json["type"]), (status, &json!(code)));
        assert!(json["title"].is_string(), "{json}");
    }
}

/// A client that never sends the rest is rejected before the outer timeout.
#[tokio::test(start_paused = true)]
async fn draining_does_not_run_into_an_outer_timeout() {
    let stalled = Scripted::new([Act::Data(b"some"), Act::Stall]);
    let unknown = with_api_key("POST", TEAMS, "unknown").map(|_| Body::new(stalled));
    assert_eq!(send(&app(), unknown).await.0, 401);

    let stalled = Scripted::new([Act::Data(b"some"), Act::Stall]);
    let signed = TestRequest::CREATE.request().map(|_| Body::new(stalled));
    assert_eq!(send(&app(), signed).await.0, 408, "the body of a good request is waited for");
}

#[tokio::test]
async fn layer_may_be_optional() {
    for (layer, status) in [(Some(verifier()), 401), (None, 200)] {
        let layer = option_layer(layer.map(|layer| (ResponseAxumBodyLayer, layer)));
        let app = Router::new().route(LOGS, any(async || {})).layer(layer);
        assert_eq!(send(&app, Request::get(LOGS).body(Body::empty()).unwrap()).await.0, status);
    }
    for (replays, second) in [(Some(RejectReplaysLayer::default()), 401), (None, 200)] {
        let replays = option_layer(replays.map(|layer| (ResponseAxumBodyLayer, layer)));
        let app = Router::new().route(USERS, any(async || {})).layer(replays).layer(verifier());
        assert_eq!(send(&app, TestRequest::CREATE.request()).await.0, 200);
        assert_eq!(send(&app, TestRequest::CREATE.request()).await.0, second);
    }
}

/// A plain function reads rejections at every place of a stack, whatever the body there.
#[tokio::test]
async fn plain_map_response_compiles_at_every_place() {
    fn note<B>(mut response: http::Response<B>) -> http::Response<B> {
        let kind = response.extensions().get::<Rejection>().map(Rejection::kind);
        if let Some(kind) = kind {
            response.headers_mut().append("x-seen", kind.parse().unwrap());
        }
        response
    }
    let service = ServiceBuilder::new()
        .map_response(note)
        .layer(verifier())
        .map_response(note)
        .layer(RejectReplaysLayer::default())
        .map_response(note)
        .service(service_fn(async |_: Request<Body>| Ok::<_, Infallible>(http::Response::new(Body::empty()))));
    service.clone().oneshot(TestRequest::CREATE.request()).await.unwrap();
    let replay = service.clone().oneshot(TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(replay.headers().get_all("x-seen").iter().count(), 2);
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
    let rejected = service.oneshot(forged.request()).await.unwrap();
    assert_eq!(rejected.headers().get_all("x-seen").iter().count(), 1);
}

/// Outer layers that answer in the place of the inner service need a body that they can make.
#[tokio::test]
async fn response_body_has_a_default() {
    let service = verifier()
        .layer(service_fn(async |_: Request<Body>| Ok::<_, Infallible>(http::Response::new(Body::from(DATE)))));
    let service = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::ZERO).layer(service);
    let stalled = TestRequest::CREATE.request().map(|_| Body::new(Scripted::new([Act::Data(b"s"), Act::Stall])));
    let response = service.oneshot(stalled).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().size_hint().exact()), (408, Some(0)));
}
