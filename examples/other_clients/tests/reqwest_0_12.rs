//! The layer with `reqwest` 0.12: the program, and its client.
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop

#[path = "../src/bin/reqwest_0_12.rs"]
#[allow(dead_code)] // its `main` runs as a program
mod example;
mod support;

use std::time::{Duration, SystemTime};

use http::StatusCode;
use reqwest::{Client, Response, redirect::Policy};
use tower::{BoxError, ServiceExt};
use tower_logentries_auth::{AuthError, LogentriesAuthLayer};

use crate::{
    example::authenticated,
    support::{LOGS, USERS, api, layer_for, run},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_reqwest_0_12");

fn client() -> Client {
    Client::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

async fn send(layer: LogentriesAuthLayer, request: reqwest::RequestBuilder) -> Result<Response, BoxError> {
    authenticated(client(), layer).oneshot(request.build().unwrap()).await
}

#[test]
fn each_request_has_the_key_that_its_resource_takes() {
    let (origin, recording) = api();
    let printed = run(PROGRAM, Some(&origin));
    assert!(printed.starts_with(&format!("{LOGS} 200 OK")), "{printed}");
    assert_eq!(printed.matches("200 OK").count(), 2, "{printed}");
    let received = recording.take();
    let requests: Vec<_> = received.iter().map(|received| (&*received.method, &*received.target)).collect();
    assert_eq!(requests, [("GET", LOGS), ("POST", USERS)]);
    received[0].assert_has_read_only_key();
    received[1].assert_signed();
    assert_eq!(received[1].header("content-length"), Some(&*received[1].body.len().to_string()));
}

#[test]
fn embedded_server_accepts_the_program() {
    let printed = run(PROGRAM, None);
    assert_eq!(printed.matches("200 OK").count(), 2, "{printed}");
}

#[tokio::test]
async fn post_without_a_body_has_a_length_of_0_on_the_wire() {
    let (origin, recording) = api();
    let response = send(layer_for(&origin), client().post(format!("{origin}{USERS}/7"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let received = recording.only();
    received.assert_signed();
    assert_eq!((received.header("content-length"), &received.body[..]), (Some("0"), &b""[..]));
}

#[tokio::test]
async fn path_is_signed_as_reqwest_normalizes_it() {
    let (origin, recording) = api();
    let url = format!("{origin}{USERS}/jane/../john smyth {{7}}?notify=a b");
    let response = send(layer_for(&origin), client().get(&url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.url(), &reqwest::Url::parse(&url).unwrap());
    let received = recording.only();
    assert_eq!(received.target, format!("{USERS}/john%20smyth%20%7B7%7D?notify=a%20b"));
    received.assert_signed();
}

#[tokio::test]
async fn failed_attempts_are_repeated_with_a_new_signature() {
    let (origin, recording) = api();
    recording.answer_next(503, ("retry-after", "0"));
    let response = send(layer_for(&origin), client().get(format!("{origin}{LOGS}"))).await.unwrap();
    assert_eq!((response.status(), recording.take().len()), (StatusCode::OK, 2));

    recording.answer_next(429, ("retry-after", "0"));
    let response = send(layer_for(&origin), client().post(format!("{origin}{USERS}")).body("a user")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let received = recording.take();
    assert_eq!(received.len(), 2);
    for received in &received {
        received.assert_signed();
        assert_eq!(received.body, "a user");
    }
    assert_ne!(received[0].header("date"), received[1].header("date"));
}

#[tokio::test]
async fn wrong_clock_is_corrected() {
    let (origin, recording) = api();
    let layer = layer_for(&origin).clock(|| SystemTime::now() - Duration::from_secs(3600));
    let response = send(layer, client().get(format!("{origin}{USERS}"))).await.unwrap();
    assert_eq!((response.status(), recording.take().len()), (StatusCode::OK, 2));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (foreign, unreached) = api();
    let (origin, recording) = api();
    recording.answer_next(302, ("location", &foreign));
    let response = send(layer_for(&origin), client().get(format!("{origin}{LOGS}"))).await.unwrap();
    assert_eq!((response.status(), recording.take().len()), (StatusCode::FOUND, 1));
    assert!(unreached.take().is_empty());
}

#[tokio::test]
async fn untrusted_origin_gets_no_request() {
    let (origin, _) = api();
    let (foreign, recording) = api();
    let error = send(layer_for(&origin), client().get(format!("{foreign}{LOGS}"))).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(AuthError::UntrustedOrigin { .. })), "{error:?}");
    assert!(recording.take().is_empty());
}
