//! `upload_duration`: how long after its date a signed request may be complete.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use http_body_util::channel::Channel;
use tower_logentries_auth::{Credentials, LogentriesVerifyLayer, Rejection, server::Reason};

use crate::support::{
    READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS,
    clock::{ManualClock, date},
    server,
    sockets::{Socket, status},
    verifying::{DATE, TestRequest, present, verifier, with_api_key},
};

/// Presents a request that is dated `SIGNED_AT` and complete so many seconds later.
async fn complete_after(
    secs: u64,
    layer: LogentriesVerifyLayer<Credentials>,
    request: Request<Body>,
) -> Result<(), Rejection> {
    let clock = ManualClock::at(SIGNED_AT);
    let layer = layer.clock(clock.reading());
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let mut presented = Box::pin(present(&layer, request.map(|_| Body::new(body))));
    assert!(presented.as_mut().now_or_never().is_none());
    clock.set(SIGNED_AT + secs);
    sender.send_data(TestRequest::CREATE.body.into()).await.unwrap();
    drop(sender);
    presented.await.map(drop)
}

#[tokio::test]
async fn slow_upload_is_accepted_for_the_tolerance_and_the_upload_time() {
    for (layer, longest) in [
        (verifier(), 300 + 900),
        (verifier().upload_duration(Duration::from_secs(7)), 300 + 7),
        (verifier().upload_duration(Duration::ZERO), 300),
        (verifier().date_tolerance(Duration::from_secs(60)).upload_duration(Duration::from_millis(1999)), 60 + 1),
        (verifier().upload_duration(Duration::MAX), 1 << 33),
    ] {
        complete_after(longest, layer, TestRequest::CREATE.request()).await.unwrap();
    }
}

#[tokio::test]
async fn later_upload_is_rejected_with_its_duration() {
    for (layer, longest) in [
        (verifier(), 300 + 900),
        (verifier().upload_duration(Duration::ZERO), 300),
        (verifier().date_tolerance(Duration::from_secs(60)).upload_duration(Duration::from_secs(1)), 60 + 1),
    ] {
        let rejection = complete_after(longest + 1, layer, TestRequest::CREATE.request()).await.unwrap_err();
        let Reason::UploadTooSlow { elapsed_secs, .. } = rejection.reason() else { panic!("{rejection:?}") };
        assert_eq!(*elapsed_secs, longest + 1);
        assert_eq!((rejection.status().as_u16(), rejection.kind()), (401, "upload_too_slow"));
    }
}

/// What a captured request could do: start in time, and be completed whenever it suits.
#[tokio::test]
async fn body_that_is_held_back_for_too_long_is_rejected_over_a_socket() {
    let clock = ManualClock::at(SIGNED_AT);
    let mut socket = Socket::connect(&server::verifier(verifier().clock(clock.reading())).await).await;
    let (credential, body) = (TestRequest::CREATE.credential(), TestRequest::CREATE.body);
    for (completed, expected) in [(SIGNED_AT + 1200, 200), (SIGNED_AT + 1201, 401)] {
        clock.set(SIGNED_AT);
        let head = format!(
            "POST {USERS} HTTP/1.1\r\nhost: x\r\ndate: {DATE}\r\ncontent-type: application/json\r\n\
             authorization-api-key: {credential}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.send(head).await;
        // The server asks for the body once it has accepted the head.
        assert_eq!(status(&socket.receive_head().await), 100);
        clock.set(completed);
        socket.send(body).await;
        let response = socket.receive().await;
        assert_eq!(status(&response), expected, "{response}");
    }
}

/// A date of the future gives no less time, one of the past no more.
#[tokio::test]
async fn time_counts_from_the_date() {
    for (signed_at, longest) in [(SIGNED_AT + 300, 1500), (SIGNED_AT - 300, 900)] {
        let request = || TestRequest { date: &date(signed_at), ..TestRequest::CREATE }.request();
        complete_after(longest, verifier(), request()).await.unwrap();
        complete_after(longest + 1, verifier(), request()).await.unwrap_err();
    }
}

/// It has no date. Whatever reads its body limits its time.
#[tokio::test]
async fn body_with_an_api_key_may_take_any_time() {
    let request = with_api_key("POST", TEAMS, READ_WRITE_KEY);
    let clock = ManualClock::at(SIGNED_AT);
    let layer = verifier().clock(clock.reading());
    let (sender, body) = Channel::<Bytes>::new(1);
    let mut presented = Box::pin(present(&layer, request.map(|_| Body::new(body))));
    assert!(presented.as_mut().now_or_never().is_none());
    clock.set(SIGNED_AT + 100_000);
    drop(sender);
    presented.await.unwrap();
}
