//! Inner services that are not ready, that fail, or that panic.

use std::{
    future::{Ready, ready},
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{AuthError, LogentriesVerifyLayer};

use crate::support::{USERS, credentials, layer_for, with_timeout};

const ORIGIN: &str = "http://localhost";

/// How the inner service is this time. After that it works.
#[derive(Debug, Clone, Copy)]
enum Mood {
    NotReady,
    FailsToGetReady,
    Fails,
    PanicsInCall,
    PanicsInFuture,
}

#[derive(Debug, Clone)]
struct FaultyService {
    mood: Mood,
    /// How often it was polled for readiness, by any clone.
    polls: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl FaultyService {
    fn new(mood: Mood) -> Self {
        Self { mood, polls: Arc::default(), calls: Arc::default() }
    }
}

impl<B> Service<Request<B>> for FaultyService {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = futures_util::future::Either<Ready<io::Result<Response<Body>>>, Panics>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (self.mood, self.polls.fetch_add(1, Ordering::SeqCst)) {
            (Mood::FailsToGetReady, 0) => Poll::Ready(Err(io::Error::other("not today"))),
            (Mood::NotReady, 0) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let answer = match (self.mood, self.calls.fetch_add(1, Ordering::SeqCst)) {
            (Mood::Fails, 0) => Err(io::Error::other("not today")),
            (Mood::PanicsInCall, 0) => panic!("not today"),
            (Mood::PanicsInFuture, 0) => return Panics.right_future(),
            _ => Ok(Response::new(Body::empty())),
        };
        ready(answer).left_future()
    }
}

struct Panics;

impl Future for Panics {
    type Output = io::Result<Response<Body>>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("not today")
    }
}

fn post() -> Request<Body> {
    Request::post(format!("{ORIGIN}{USERS}")).body(Body::from("a body")).unwrap()
}

/// The layer around an inner service, with one permit on each side.
fn signing(
    mood: Mood,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = AuthError, Future: Send> + Clone {
    let inner = FaultyService::new(mood);
    ServiceBuilder::new().concurrency_limit(1).layer(layer_for(ORIGIN)).concurrency_limit(1).service(inner)
}

/// The same on the server's side, behind a signing layer of its own so that requests get that far.
fn verifying(mood: Mood) -> impl Service<Request<Body>, Response: Send, Error = AuthError, Future: Send> + Clone {
    let verify = LogentriesVerifyLayer::new(credentials());
    let inner =
        ServiceBuilder::new().concurrency_limit(1).layer(verify).concurrency_limit(1).service(FaultyService::new(mood));
    ServiceBuilder::new().layer(layer_for(ORIGIN)).service(inner)
}

/// Sends one request that fails, says how, and then one that has to pass.
async fn fails_once<S>(client: S) -> String
where
    S: Service<Request<Body>, Response: Send, Error = AuthError, Future: Send> + Clone + Send + 'static,
{
    let failed = with_timeout(tokio::spawn(client.clone().oneshot(post()))).await;
    let said = match failed {
        Ok(Ok(_)) => "passed".to_owned(),
        Ok(Err(error)) => error.service_error::<io::Error>().expect("the error of the inner service").to_string(),
        Err(join) => (*join.into_panic().downcast::<&str>().unwrap()).to_owned(),
    };
    assert!(with_timeout(client.oneshot(post())).await.is_ok(), "after {said}");
    said
}

#[tokio::test]
async fn waits_for_inner_readiness() {
    assert_eq!(fails_once(signing(Mood::NotReady)).await, "passed");
    assert_eq!(fails_once(verifying(Mood::NotReady)).await, "passed");
}

#[tokio::test]
async fn inner_errors_pass_and_service_recovers() {
    for mood in [Mood::FailsToGetReady, Mood::Fails, Mood::PanicsInCall, Mood::PanicsInFuture] {
        assert_eq!(fails_once(signing(mood)).await, "not today", "{mood:?}");
        assert_eq!(fails_once(verifying(mood)).await, "not today", "{mood:?}");
    }
}

/// The layer runs its user's code: where that panics, nothing of the layer is left locked or half done.
#[tokio::test]
async fn panicking_clock_or_rule_leaves_the_layer_usable() {
    let once = || {
        let calls = AtomicUsize::new(0);
        move || assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "not today")
    };
    let (clock, rule) = (once(), once());
    let layer = layer_for(ORIGIN);
    let with_clock = layer.clone().clock(move || {
        clock();
        std::time::SystemTime::now()
    });
    let with_rule = layer.access(move |_, _| {
        rule();
        Some(tower_logentries_auth::Access::Owner)
    });
    for layer in [with_clock, with_rule] {
        let inner = ServiceBuilder::new().concurrency_limit(1).layer(layer).concurrency_limit(1);
        let said = fails_once(inner.service(FaultyService::new(Mood::NotReady))).await;
        assert_eq!(said, "not today");
    }
}
