//! Futures that are dropped at every point where they wait.

use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Waker},
};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_logentries_auth::{
    Access, ApiKeyDigest, KeyStore, LogentriesVerifyLayer, OwnerKey,
    server::{StoredApiKey, key_store_fn},
};

use super::wait;
use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, USERS,
    bodies::{Act, Guard, Scripted},
    credentials, layer_for,
};

/// An inner service that waits, takes the body, and waits again.
async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    wait().await;
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    wait().await;
    Ok(Response::new(body.into()))
}

/// A store that takes its time.
fn slow_store() -> impl KeyStore + Clone {
    let owner_keys = async |(), _| {
        wait().await;
        Ok::<_, Infallible>(vec![OwnerKey::new(KEY_ID, OWNER_KEY).unwrap()])
    };
    let api_key = async |(), _: ApiKeyDigest| {
        wait().await;
        Ok(Some(StoredApiKey::new(Access::ReadOnly)))
    };
    key_store_fn((), owner_keys, api_key)
}

/// A request whose body waits before each chunk, and the guard of its chunks.
fn request(path: &str) -> (Request<Body>, Guard) {
    let (bytes, guard) = Guard::bytes(&[7; 2048]);
    let body =
        Scripted::new([Act::Pending, Act::Bytes(bytes.slice(..1024)), Act::Pending, Act::Bytes(bytes.slice(1024..))]);
    (Request::post(format!("http://localhost{path}")).body(Body::new(body)).unwrap(), guard)
}

/// Drops the response after one poll, after two, and so on, until it completes. Returns how many polls that took.
///
/// After each drop, the buffers have to be gone, and the permit has to be free for the next request.
fn polls_survived<S>(mut client: S, path: &str) -> usize
where
    S: Service<Request<Body>, Response: Send, Error: std::fmt::Debug>,
{
    for polls in 0.. {
        let (request, guard) = request(path);
        let ready = client.ready().now_or_never().expect("the permit is there");
        let is_done = poll_times(ready.unwrap().call(request), polls);
        assert!(!guard.is_held(), "a buffer is left behind after {polls} polls");
        if is_done {
            return polls;
        }
    }
    unreachable!("usize is not so small")
}

fn poll_times<F: Future<Output: Sized>>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    (0..polls).any(|_| future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
}

#[test]
fn dropped_signing_future_frees_everything() {
    let client = ServiceBuilder::new().layer(layer_for("http://localhost")).concurrency_limit(1).service_fn(answer);
    let around = ConcurrencyLimit::new(client.clone(), 1);
    // Two waits of the body, read by the layer, and two of the inner service.
    assert_eq!(polls_survived(client.clone(), USERS), 5);
    assert_eq!(polls_survived(around, USERS), 5);
    // The same body streams with an API key: the inner service waits for it.
    assert_eq!(polls_survived(client, LOGS), 5);
}

#[test]
fn dropped_verifying_future_frees_everything() {
    let verify = LogentriesVerifyLayer::new(slow_store());
    let inner = ServiceBuilder::new().layer(verify.clone()).concurrency_limit(1).service_fn(answer);
    let around = ServiceBuilder::new().concurrency_limit(1).layer(verify).service_fn(answer);
    // Over a signing layer: two waits of the body there, one of the store, two of the inner service. The body that was
    // read once does not wait again.
    assert_eq!(polls_survived(ServiceBuilder::new().layer(layer_for("http://localhost")).service(inner), USERS), 6);
    assert_eq!(polls_survived(ServiceBuilder::new().layer(layer_for("http://localhost")).service(around), USERS), 6);
}

/// The same where the body waits below the verifying layer: signed for its digest, it streams through the signing one.
#[test]
fn dropped_verifying_future_frees_a_streamed_body() {
    let verify = LogentriesVerifyLayer::new(slow_store());
    let server = ServiceBuilder::new().concurrency_limit(1).layer(verify).concurrency_limit(1).service_fn(answer);
    let client = ServiceBuilder::new()
        .map_request(|mut request: Request<Body>| {
            request.extensions_mut().insert(tower_logentries_auth::BodyDigest::of([7; 2048]));
            request
        })
        .layer(layer_for("http://localhost"))
        .service(server);
    assert_eq!(polls_survived(client, USERS), 6);
}

#[tokio::test]
async fn no_tasks_are_spawned() {
    let client = ServiceBuilder::new()
        .layer(layer_for("http://localhost"))
        .layer(LogentriesVerifyLayer::new(credentials()))
        .service(service_fn(answer));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut response = pin!(client.oneshot(request(USERS).0));
    while response.as_mut().now_or_never().is_none() {
        assert_eq!(tasks(), before);
    }
}
