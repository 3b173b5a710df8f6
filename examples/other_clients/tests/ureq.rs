//! The layer with `ureq` 3: the program, and what it relies on.
#![allow(clippy::unwrap_used)] // a test that cannot go on should stop

#[path = "../src/bin/ureq.rs"]
#[allow(dead_code)] // its `main` runs as a program
mod example;
mod support;

use http::{Request, StatusCode};
use tower_logentries_auth::{AuthError, client::BodyBytes};
use ureq::{Agent, AsSendBody};

use crate::{
    example::agent,
    support::{LOGS, USERS, api, layer_for, run},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ureq");

#[test]
fn each_request_has_the_key_that_its_resource_takes() {
    let (origin, recording) = api();
    let printed = run(PROGRAM, Some(&origin));
    assert_eq!(printed.matches("200 OK").count(), 3, "{printed}");
    let received = recording.take();
    let requests: Vec<_> = received.iter().map(|received| (&*received.method, &*received.target)).collect();
    assert_eq!(requests, [("GET", LOGS), ("POST", USERS), ("POST", &*format!("{USERS}/7"))]);
    received[0].assert_has_read_only_key();
    received[1].assert_signed();
    received[2].assert_signed();
}

#[test]
fn embedded_server_accepts_the_program() {
    let printed = run(PROGRAM, None);
    assert_eq!(printed.matches("200 OK").count(), 3, "{printed}");
}

#[test]
fn post_without_a_body_has_a_length_of_0_on_the_wire() {
    let (origin, recording) = api();
    let request = Request::post(format!("{origin}{USERS}/7")).body(()).unwrap();
    let response = agent().run(layer_for(&origin).authenticate(request).unwrap()).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let received = recording.only();
    received.assert_signed();
    assert_eq!((received.header("content-length"), &received.body[..]), (Some("0"), &b""[..]));
    assert_eq!(received.header("transfer-encoding"), None);
}

#[test]
fn bodies_of_each_type_are_signed_as_they_are_sent() {
    let (origin, recording) = api();
    assert_eq!(authenticate_and_send(&origin, "a user".to_owned()), StatusCode::OK);
    assert_eq!(authenticate_and_send(&origin, "a user"), StatusCode::OK);
    assert_eq!(authenticate_and_send(&origin, &b"a user"[..]), StatusCode::OK);
    assert_eq!(authenticate_and_send(&origin, b"a user".to_vec()), StatusCode::OK);
    let received = recording.take();
    assert_eq!(received.len(), 4);
    for received in received {
        received.assert_signed();
        assert_eq!((received.header("content-length"), &received.body[..]), (Some("6"), &b"a user"[..]));
    }
}

fn authenticate_and_send<B: BodyBytes + AsSendBody>(origin: &str, body: B) -> StatusCode {
    let request = Request::post(format!("{origin}{USERS}?notify=true")).body(body).unwrap();
    agent().run(layer_for(origin).authenticate(request).unwrap()).unwrap().status()
}

#[test]
fn untrusted_origin_gets_no_request() {
    let (origin, _) = api();
    let (foreign, recording) = api();
    let request = Request::get(format!("{foreign}{LOGS}")).body(()).unwrap();
    let error = layer_for(&origin).authenticate(request).unwrap_err();
    assert!(matches!(error, AuthError::UntrustedOrigin { .. }), "{error:?}");
    assert!(recording.take().is_empty());
}

#[test]
fn redirects_are_not_followed() {
    let (foreign, unreached) = api();
    let (origin, recording) = api();
    for _ in 0..3 {
        recording.answer_next(302, ("location", &format!("{foreign}{LOGS}")));
    }
    let printed = run(PROGRAM, Some(&origin));
    assert_eq!(printed.matches("302 Found").count(), 3, "{printed}");
    assert_eq!(recording.take().len(), 3);
    assert!(unreached.take().is_empty());
}

/// Why the example sets `max_redirects(0)`.
#[test]
fn agent_with_redirects_would_send_the_credentials_along() {
    let agent: Agent = Agent::config_builder().proxy(None).http_status_as_error(false).build().into();
    let (foreign, reached) = api();
    for (path, header) in [(LOGS, "x-api-key"), (USERS, "authorization-api-key")] {
        let (origin, recording) = api();
        recording.answer_next(302, ("location", &format!("{foreign}{path}")));
        let request = Request::get(format!("{origin}{path}")).header("authorization", "Bearer token").body(()).unwrap();
        agent.run(layer_for(&origin).authenticate(request).unwrap()).unwrap();
        let leaked = reached.only();
        assert_eq!((leaked.header("authorization"), leaked.header(header).is_some()), (None, true));
    }
}
