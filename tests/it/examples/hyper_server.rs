//! The example of that name, with clients of HTTP/1 and HTTP/2.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, channel::Channel};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};

use crate::support::{LOGS, READ_ONLY_KEY, USERS, child::Served, hyper_client, layer_for, verifying, with_timeout};

async fn send(server: &Served, request: Request<Body>) -> (StatusCode, String) {
    let client = ServiceBuilder::new().layer(layer_for(&server.origin)).service(hyper_client());
    let (head, body) = with_timeout(client.oneshot(request)).await.unwrap().into_parts();
    let body = with_timeout(body.collect()).await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn api_keys_and_signatures_are_accepted() {
    let server = Served::start("hyper_server", &[]).await;
    for (method, path, body, answer) in [
        (Method::GET, LOGS, "", "GET /management/logs with 0 bytes, read-only access\n"),
        (Method::POST, LOGS, "a log", "POST /management/logs with 5 bytes, read/write access\n"),
        (Method::GET, USERS, "", "GET /management/accounts/acme/users with 0 bytes, owner access\n"),
        (Method::POST, USERS, "a user", "POST /management/accounts/acme/users with 6 bytes, owner access\n"),
    ] {
        let request = Request::builder().method(method).uri(format!("{}{path}", server.origin));
        let answered = send(&server, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answered, (StatusCode::OK, answer.to_owned()));
    }
}

#[tokio::test]
async fn chunks_of_a_signed_body_arrive_as_one() {
    let server = Served::start("hyper_server", &[]).await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let request = Request::post(format!("{}{USERS}", server.origin)).body(Body::new(body)).unwrap();
    let sending = async {
        for word in ["one", "two", "three"] {
            sender.send_data(Bytes::from(word)).await.unwrap();
        }
        drop(sender);
    };
    let ((status, answer), ()) = tokio::join!(send(&server, request), sending);
    assert_eq!((status, answer.contains("with 11 bytes")), (StatusCode::OK, true), "{answer}");
}

#[tokio::test]
async fn http2_is_verified_alike() {
    let server = Served::start("hyper_server", &[]).await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    let client = ServiceBuilder::new().layer(layer_for(&server.origin)).service(client);
    let request = Request::post(format!("{}{USERS}", server.origin)).body(Body::from("a user")).unwrap();
    assert_eq!(with_timeout(client.oneshot(request)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_authenticated_is_rejected() {
    let server = Served::start("hyper_server", &[]).await;
    let url = |path: &str| format!("{}{path}", server.origin);
    for (request, status) in [
        (Request::get(url(LOGS)).body(Body::empty()).unwrap(), 401),
        (verifying::with_api_key("GET", &url(LOGS), "unknown-key"), 401),
        (verifying::with_api_key("POST", &url(LOGS), READ_ONLY_KEY), 403),
        (verifying::TestRequest::LIST.request_to(&server.origin), 401), // years old
    ] {
        let response = with_timeout(hyper_client().request(request)).await.unwrap();
        assert_eq!(response.status(), status);
    }
}
