//! Requests that are sent again.

use std::{
    collections::HashSet,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{
    ServiceBuilder, ServiceExt,
    retry::{Policy, RetryLayer},
};
use tower_logentries_auth::LogentriesAuthLayer;

use crate::support::{
    LOGS, READ_WRITE_KEY, SIGNED_AT, USERS, at, layer_for,
    server::{Received, Recording, record_and},
};

/// How many attempts are made until one of these servers answers.
const ATTEMPTS: usize = 3;

/// Starts a server that answers with 503 until a request has come often enough.
async fn busy() -> (String, Recording) {
    let came = Arc::new(AtomicUsize::new(0));
    record_and(move |_| {
        let is_last = came.fetch_add(1, Ordering::Relaxed) + 1 == ATTEMPTS;
        Response::builder().status(if is_last { 200 } else { 503 }).body(Body::empty()).unwrap()
    })
    .await
}

/// A clock that is a second further whenever it is read.
fn ticking() -> impl Fn() -> SystemTime + Send + Sync + 'static {
    let read = AtomicU64::new(0);
    move || at(SIGNED_AT)() + Duration::from_secs(read.fetch_add(1, Ordering::Relaxed))
}

fn ticking_layer(origin: &str) -> LogentriesAuthLayer {
    layer_for(origin).clock(ticking())
}

/// Tries again where the server is busy, if the request can be had again.
#[derive(Debug, Clone)]
struct WhileBusy<F> {
    clone: F,
}

impl<Q, P, E, F> Policy<Q, P, E> for WhileBusy<F>
where
    P: IsBusy,
    F: Fn(&Q) -> Option<Q>,
{
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Q, result: &mut Result<P, E>) -> Option<Ready<()>> {
        result.as_ref().is_ok_and(P::is_busy).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Q) -> Option<Q> {
        (self.clone)(request)
    }
}

trait IsBusy {
    fn is_busy(&self) -> bool;
}

impl<T> IsBusy for http::Response<T> {
    fn is_busy(&self) -> bool {
        self.status() == 503
    }
}

impl IsBusy for reqwest::Response {
    fn is_busy(&self) -> bool {
        self.status() == 503
    }
}

/// Asserts that each attempt was signed for a time of its own, with this body.
fn assert_signed_afresh(attempts: &[Received], body: &str) {
    assert_eq!(attempts.len(), ATTEMPTS);
    for attempt in attempts {
        // `signature_error` includes duplicate headers.
        assert_eq!((attempt.signature_error(), &*attempt.body), (None, body.as_bytes()));
    }
    let dates: HashSet<_> = attempts.iter().map(|attempt| attempt.header("date")).collect();
    assert_eq!(dates.len(), ATTEMPTS);
}

/// Headers that a request may bring along from an attempt that its caller made before.
const STALE: [(&str, &str); 3] = [
    ("date", "Thu, 17 Aug 2017 20:16:24 GMT"),
    ("x-api-key", "an-older-key"),
    ("authorization-api-key", "an-older-id:AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
];

type InMemory = Request<Full<Bytes>>;
type CloneInMemory = fn(&InMemory) -> Option<InMemory>;

fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn while_busy() -> RetryLayer<WhileBusy<CloneInMemory>> {
    RetryLayer::new(WhileBusy { clone: |request| Some(request.clone()) })
}

/// A request with stale headers.
fn stale(url: String, body: &'static str) -> InMemory {
    let request = STALE.iter().fold(Request::post(url), |request, (name, value)| request.header(*name, *value));
    request.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn each_attempt_has_its_own_date_and_signature() {
    let (origin, recording) = busy().await;
    let client = ServiceBuilder::new().layer(while_busy()).layer(ticking_layer(&origin)).service(http());
    let response = client.oneshot(stale(format!("{origin}{USERS}"), "a user")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_signed_afresh(&recording.take(), "a user");
}

#[tokio::test]
async fn each_attempt_has_one_api_key() {
    let (origin, recording) = busy().await;
    let client = ServiceBuilder::new().layer(while_busy()).layer(layer_for(&origin)).service(http());
    client.oneshot(stale(format!("{origin}{LOGS}"), "a log")).await.unwrap();
    let attempts = recording.take();
    assert_eq!(attempts.len(), ATTEMPTS);
    for attempt in attempts {
        let keys: Vec<_> = attempt.headers.get_all("x-api-key").iter().collect();
        assert_eq!(keys, [READ_WRITE_KEY]);
        assert_eq!(attempt.header("authorization-api-key"), None);
    }
}

#[tokio::test]
async fn request_that_cannot_be_cloned_is_sent_once() {
    let (origin, recording) = busy().await;
    let never = RetryLayer::new(WhileBusy { clone: |_: &InMemory| None });
    let client = ServiceBuilder::new().layer(never).layer(ticking_layer(&origin)).service(http());
    let response = client.oneshot(stale(format!("{origin}{USERS}"), "a user")).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(recording.only().signature_error(), None);
}

#[tokio::test]
async fn inner_retry_repeats_the_first_date() {
    let (origin, recording) = busy().await;
    let client = ServiceBuilder::new().layer(ticking_layer(&origin)).layer(while_busy()).service(http());
    client.oneshot(stale(format!("{origin}{USERS}"), "a user")).await.unwrap();
    let [first, second, third]: [_; ATTEMPTS] = recording.take().try_into().unwrap();
    assert_eq!(first.signature_error(), None);
    assert_eq!((&first.headers, &first.headers), (&second.headers, &third.headers));
}

mod with_reqwest {
    use futures_util::stream;
    use http::{Extensions, Method};
    use reqwest_middleware::{ClientBuilder, Middleware, Next};
    use tower_logentries_auth::LogentriesAuthMiddleware;

    use super::*;
    use crate::support::clients::builder;

    fn http() -> reqwest::Client {
        builder().build().unwrap()
    }

    fn request(origin: &str, body: impl Into<reqwest::Body>) -> reqwest::Request {
        let mut request = reqwest::Request::new(Method::POST, format!("{origin}{USERS}").parse().unwrap());
        *request.body_mut() = Some(body.into());
        request
    }

    fn streaming() -> reqwest::Body {
        reqwest::Body::wrap_stream(stream::iter(["a ", "user"].map(Ok::<_, std::io::Error>)))
    }

    /// Tries again while the server is busy, as a middleware.
    struct RetryWhileBusy;

    #[async_trait::async_trait]
    impl Middleware for RetryWhileBusy {
        async fn handle(
            &self,
            request: reqwest::Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            while let Some(again) = request.try_clone() {
                let response = next.clone().run(again, extensions).await?;
                if !response.is_busy() {
                    return Ok(response);
                }
            }
            next.run(request, extensions).await
        }
    }

    #[tokio::test]
    async fn each_attempt_is_signed_afresh() {
        let (origin, recording) = busy().await;
        let retry = RetryLayer::new(WhileBusy { clone: reqwest::Request::try_clone });
        let client = ServiceBuilder::new().layer(retry).layer(ticking_layer(&origin)).service(http());
        let response = client.oneshot(request(&origin, "a user")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_signed_afresh(&recording.take(), "a user");
    }

    #[tokio::test]
    async fn outer_middleware_attempts_are_signed_afresh() {
        let (origin, recording) = busy().await;
        let client = ClientBuilder::new(http())
            .with(RetryWhileBusy)
            .with(LogentriesAuthMiddleware::from(ticking_layer(&origin)))
            .build();
        let response = client.execute(request(&origin, "a user")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_signed_afresh(&recording.take(), "a user");
    }

    #[tokio::test]
    async fn stream_is_signed_and_sent_once() {
        let (origin, recording) = busy().await;
        let retry = RetryLayer::new(WhileBusy { clone: reqwest::Request::try_clone });
        let client = ServiceBuilder::new().layer(retry).layer(ticking_layer(&origin)).service(http());
        let response = client.oneshot(request(&origin, streaming())).await.unwrap();
        assert_eq!(response.status(), 503);
        let received = recording.only();
        assert_eq!((received.signature_error(), &*received.body), (None, &b"a user"[..]));
    }
}
