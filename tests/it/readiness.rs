//! The contract of `poll_ready`: the service below is ready when the layer is, and it is the ready one that is called.
//! A mocked service panics where it is called otherwise, and no clone of it is ready by birth.

use std::{convert::Infallible, task::Poll};

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_logentries_auth::{AuthError, sign::LogentriesAuth};
use tower_test::mock::{self, Handle, Mock, Spawn};

use crate::support::{
    LOGS, READ_ONLY_KEY, USERS,
    bodies::{
        Act::{Data, Fail, Pending},
        Scripted,
    },
    inner::VENDOR,
    layer,
    raw::with_timeout,
    verifying::{verifier, with_api_key},
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
fn ready_when_the_inner_service_is() {
    let (mut service, mut handle) = mocked();
    assert!(!is_ready(&mut service));
    assert!(!service.is_woken());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[test]
fn readiness_error_is_the_inner_services() {
    let (mut service, mut handle) = mocked();
    handle.send_error(std::io::Error::other("the pool is closed"));
    let Poll::Ready(Err(error)) = service.poll_ready::<Sent>() else { panic!("no error") };
    assert_eq!(error.service_error::<std::io::Error>().unwrap().to_string(), "the pool is closed");
}

#[tokio::test]
async fn signing_calls_the_ready_service() {
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
async fn next_request_gets_ready_while_a_body_is_read() {
    let (mut service, mut handle) = mocked();
    handle.allow(2);
    assert!(is_ready(&mut service));
    let slow = service.call(write(Scripted::new([Data(b"a body")])));
    assert!(is_ready(&mut service));
    answered(service.call(read()), &mut handle).await;
    answered(slow, &mut handle).await;
}

#[tokio::test]
async fn failing_body_does_not_reach_the_inner_service() {
    let (mut service, mut handle) = mocked();
    handle.allow(1);
    assert!(is_ready(&mut service));
    let error = service.call(write(Scripted::new([Data(b"half"), Fail("the disk is gone")]))).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }), "{error}");
    drop(service);
    assert!(handle.next_request().await.is_none());
}

/// A permit that a refused request kept would starve the next caller: each service here shares one permit.
#[tokio::test]
async fn unsent_requests_return_their_permit() {
    let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let limited = ConcurrencyLimit::new(inner, 1);

    let client = layer().layer(limited.clone());
    let (mut idle, next) = (client.clone(), client);
    let untrusted = Request::get("https://example.com/").body(Body::empty()).unwrap();
    assert!(idle.ready().await.unwrap().call(untrusted).await.is_err());
    let request = Request::get("https://rest.logentries.com/management/logs").body(Body::empty()).unwrap();
    with_timeout(next.oneshot(request)).await.unwrap();

    let server = verifier().layer(limited);
    let (mut idle, next) = (server.clone(), server);
    let anonymous = Request::get(LOGS).body(Body::empty()).unwrap();
    assert_eq!(idle.ready().await.unwrap().call(anonymous).await.unwrap().status(), 401);
    let response = with_timeout(next.oneshot(with_api_key("GET", LOGS, READ_ONLY_KEY))).await.unwrap();
    assert_eq!(response.status(), 200);
}
