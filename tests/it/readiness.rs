//! The contract of `poll_ready`, for all three layers: a layer is ready when its inner service is, the service that was
//! ready is the one that is called, and what is not sent keeps no permit.
//!
//! A mocked service panics if a clone of it is called that was not polled ready.

use std::{convert::Infallible, future::poll_fn, io, pin::pin, task::Poll};

use axum::body::Body;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn, util::BoxCloneService};
use tower_logentries_auth::{
    AuthError, LogentriesAuth,
    replay::{RejectReplays, RejectReplaysLayer},
    server::VerifiedSignature,
};
use tower_test::mock::{self, Handle, Mock, Spawn};

use crate::support::{
    LOGS, READ_ONLY_KEY, USERS,
    bodies::{
        Act::{Data, Fail, Pending},
        Scripted,
    },
    inner::RAPID7,
    layer,
    verifying::{TestRequest, verifier, with_api_key},
    with_timeout,
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
    Request::get(format!("{RAPID7}{LOGS}")).body(Body::empty()).unwrap()
}

fn write(script: Scripted) -> Sent {
    Request::post(format!("{RAPID7}{USERS}")).body(Body::new(script)).unwrap()
}

/// Waits for the answer to a request, which is the next that the inner service gets.
async fn answered(response: impl Future<Output = Result<Answer, AuthError>>, handle: &mut Handle<Sent, Answer>) {
    let (response, request) = (pin!(response), pin!(handle.next_request()));
    match with_timeout(select(response, request)).await {
        Either::Left((response, _)) => panic!("it was not sent: {response:?}"),
        Either::Right((request, response)) => {
            request.unwrap().1.send_response(Response::new("the answer"));
            assert_eq!(*with_timeout(response).await.unwrap().body(), "the answer");
        }
    }
}

#[test]
fn signing_is_ready_when_the_inner_service_is() {
    let (mut service, mut handle) = mocked();
    assert!(!is_ready(&mut service));
    assert!(!service.is_woken());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(is_ready(&mut service));
}

#[test]
fn verifying_is_ready_when_the_inner_service_is() {
    let (mut service, mut handle) = mock::spawn_layer::<Sent, Answer, _>(verifier());
    handle.allow(0);
    assert!(service.poll_ready::<Sent>().is_pending());
    assert!(!service.is_woken());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(matches!(service.poll_ready::<Sent>(), Poll::Ready(Ok(()))));
}

#[test]
fn readiness_error_is_the_inner_services() {
    let (mut service, mut handle) = mocked();
    handle.send_error(io::Error::other("the pool is closed"));
    let Poll::Ready(Err(error)) = service.poll_ready::<Sent>() else { panic!("no error") };
    assert_eq!(error.service_error::<io::Error>().unwrap().to_string(), "the pool is closed");
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
    let sent = service.call(write(Scripted::new([Data(b"half"), Fail("the disk is gone")])));
    let error = with_timeout(sent).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }), "{error}");
    drop(service);
    assert!(with_timeout(handle.next_request()).await.is_none());
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

#[tokio::test]
async fn verifying_calls_the_ready_service() {
    let (mut service, mut handle) = mock::spawn_layer::<Sent, Response<Body>, _>(verifier());
    handle.allow(1);
    poll_fn(|_| service.poll_ready::<Sent>()).await.unwrap();
    let slow = Scripted::new([Pending, Data(TestRequest::CREATE.body)]);
    let response = tokio::spawn(service.call(TestRequest::CREATE.request().map(|_| Body::new(slow))));
    let (request, respond) = with_timeout(handle.next_request()).await.unwrap();
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), TestRequest::CREATE.body);
    respond.send_response(Response::new(Body::empty()));
    assert_eq!(response.await.unwrap().unwrap().status(), 200);
    assert!(service.poll_ready::<Sent>().is_pending(), "of one readiness one call was made");
}

type Inner = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// A service that takes one request at a time, and panics if it is called without being ready.
fn limited<G: Clone>(replays: RejectReplaysLayer<G>) -> RejectReplays<ConcurrencyLimit<Inner>, G> {
    let inner = service_fn(async |_: Request<Body>| Ok(Response::new(Body::empty())));
    replays.layer(ConcurrencyLimit::new(BoxCloneService::new(inner), 1))
}

#[tokio::test]
async fn replay_layer_calls_the_ready_service() {
    let guard = async |_: VerifiedSignature| {
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(true)
    };
    let mut service = verifier().layer(limited(RejectReplaysLayer::new(guard)));
    for request in [TestRequest::CREATE.request(), TestRequest::LIST.request(), TestRequest::CREATE.request()] {
        let response = with_timeout(async { service.ready().await.unwrap().call(request).await }).await;
        assert_eq!(response.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn rejected_replays_return_their_permit() {
    // A request that came without a verifying layer is rejected at once, a replay after the guard has answered.
    let mut bare = limited(RejectReplaysLayer::default());
    let response = bare.ready().await.unwrap().call(TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(response.status(), 500);
    with_timeout(bare.clone().ready()).await.unwrap();

    let mut service = verifier().layer(limited(RejectReplaysLayer::default()));
    for status in [200, 401, 401] {
        let sent = async { service.ready().await.unwrap().call(TestRequest::CREATE.request()).await };
        assert_eq!(with_timeout(sent).await.unwrap().status(), status);
    }
    with_timeout(service.clone().ready()).await.unwrap();
}
