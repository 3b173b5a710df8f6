//! The contract of `poll_ready`: the service below is ready when the layer is, and it is the ready one that is called.
//! A mocked service panics where it is called otherwise, and no clone of it is ready by birth.

use std::task::Poll;

use axum::body::Body;
use http::{Request, Response};
use tower_logentries_auth::{AuthError, sign::LogentriesAuth};
use tower_test::mock::{self, Handle, Mock, Spawn};

use crate::support::{
    LOGS, USERS,
    bodies::{
        Act::{Data, Fail, Pending},
        Scripted,
    },
    inner::VENDOR,
    layer,
};

type Sent = Request<Body>;
type Answer = Response<&'static str>;

type Mocked = Spawn<LogentriesAuth<Mock<Sent, Answer>>>;

fn mocked() -> (Mocked, Handle<Sent, Answer>) {
    let (service, mut handle) = mock::spawn_layer(layer());
    handle.allow(0);
    (service, handle)
}

fn is_ready(service: &mut Mocked) -> bool {
    match service.poll_ready::<Sent>() {
        Poll::Ready(ready) => ready.is_ok(),
        Poll::Pending => false,
    }
}

fn read() -> Sent {
    Request::get(format!("{VENDOR}{LOGS}")).body(Body::empty()).unwrap()
}

fn write(script: Scripted) -> Sent {
    Request::post(format!("{VENDOR}{USERS}")).body(Body::new(script)).unwrap()
}

/// Waits for the answer to a request, which is the next that the service below gets.
async fn answered(response: impl Future<Output = Result<Answer, AuthError>>, handle: &mut Handle<Sent, Answer>) {
    let answer = async {
        let (_, respond) = handle.next_request().await.unwrap();
        respond.send_response(Response::new("the answer"));
    };
    let (response, ()) = tokio::join!(response, answer);
    assert_eq!(*response.unwrap().body(), "the answer");
}

#[test]
fn the_layer_is_ready_when_the_service_below_is() {
    let (mut service, mut handle) = mocked();
    assert!(!is_ready(&mut service));
    assert!(!service.is_woken());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[test]
fn the_error_of_readiness_is_that_of_the_service_below() {
    let (mut service, mut handle) = mocked();
    handle.send_error(std::io::Error::other("the pool is closed"));
    let Poll::Ready(Err(error)) = service.poll_ready::<Sent>() else { panic!("no error") };
    assert_eq!(error.service_error::<std::io::Error>().unwrap().to_string(), "the pool is closed");
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let (mut service, mut handle) = mocked();
    let script = || Scripted::new([Pending, Data(b"a body"), Pending]);
    for request in [read(), write(Scripted::new([])), write(script()), read(), write(script())] {
        handle.allow(1);
        assert!(is_ready(&mut service));
        answered(service.call(request), &mut handle).await;
        assert!(!is_ready(&mut service), "the readiness that was used up is not there a second time");
    }
}

#[tokio::test]
async fn the_next_request_gets_ready_while_a_body_is_still_read() {
    let (mut service, mut handle) = mocked();
    handle.allow(2);
    assert!(is_ready(&mut service));
    let slow = service.call(write(Scripted::new([Data(b"a body")])));
    assert!(is_ready(&mut service));
    answered(service.call(read()), &mut handle).await;
    answered(slow, &mut handle).await;
}

#[tokio::test]
async fn nothing_reaches_the_service_below_for_a_body_that_fails() {
    let (mut service, mut handle) = mocked();
    handle.allow(1);
    assert!(is_ready(&mut service));
    let error = service.call(write(Scripted::new([Data(b"half"), Fail("the disk is gone")]))).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }), "{error}");
    drop(service);
    assert!(handle.next_request().await.is_none());
}
