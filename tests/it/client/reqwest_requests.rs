//! What the layer leaves of a reqwest request: it is changed in place, and no more than need be.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use http::{Extensions, Method, Version};
use reqwest::{Body, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tower::{Layer, ServiceExt};
use tower_logentries_auth::LogentriesAuthMiddleware;

use crate::support::{LOGS, USERS, clients::builder, layer_for};

const ORIGIN: &str = "http://127.0.0.1:1";

fn request(path: &str, body: Option<Body>) -> Request {
    let mut request = Request::new(Method::POST, format!("{ORIGIN}{path}").parse().unwrap());
    *request.body_mut() = body;
    request
}

fn streaming() -> Body {
    Body::wrap_stream(stream::iter(["a ", "stream"].map(Ok::<_, Infallible>)))
}

fn response() -> Response {
    Response::from(http::Response::new(""))
}

/// Keeps the request that it is given, in a client's place.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Option<Request>>>);

#[async_trait::async_trait]
impl Middleware for Keeper {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> reqwest_middleware::Result<Response> {
        *self.0.lock().unwrap() = Some(request);
        Ok(response())
    }
}

/// What the layer, and what the middleware, hands on of such a request.
async fn handed_on(make: impl Fn() -> Request) -> [Request; 2] {
    let (layer, kept) = (layer_for(ORIGIN), Keeper::default());
    let keeper = kept.clone();
    let client = layer.layer(tower::service_fn(move |request| {
        *keeper.0.lock().unwrap() = Some(request);
        ready(Ok::<_, Infallible>(response()))
    }));
    client.oneshot(make()).await.unwrap();
    let by_layer = kept.0.lock().unwrap().take().unwrap();

    let client = ClientBuilder::new(builder().build().unwrap())
        .with(LogentriesAuthMiddleware::from(layer))
        .with(kept.clone())
        .build();
    client.execute(make()).await.unwrap();
    let by_middleware = kept.0.lock().unwrap().take().unwrap();
    [by_layer, by_middleware]
}

#[tokio::test]
async fn url_timeout_version_method_and_headers_survive() {
    for path in [LOGS, USERS] {
        for body in [|| None, || Some(Body::from("bytes")), || Some(streaming())] {
            let made = handed_on(|| {
                let mut request = request(&format!("{path}?a=b#c"), body());
                *request.timeout_mut() = Some(Duration::from_secs(7));
                *request.version_mut() = Version::HTTP_2;
                request.headers_mut().insert("x-mine", "kept".parse().unwrap());
                request
            });
            for request in made.await {
                assert_eq!(request.url().as_str(), format!("{ORIGIN}{path}?a=b#c"));
                assert_eq!(request.timeout(), Some(&Duration::from_secs(7)));
                assert_eq!((request.version(), request.method()), (Version::HTTP_2, &Method::POST));
                assert_eq!(request.headers()["x-mine"], "kept");
            }
        }
    }
}

#[tokio::test]
async fn extensions_survive() {
    #[derive(Clone, PartialEq, Debug)]
    struct Mine(u8);
    for body in [|| Body::from("bytes"), streaming] {
        let made = handed_on(|| {
            let request = http::Request::post(format!("{ORIGIN}{USERS}")).extension(Mine(7)).body(body()).unwrap();
            request.try_into().unwrap()
        });
        for request in made.await {
            let request = http::Request::<Body>::try_from(request).unwrap();
            assert_eq!(request.extensions().get(), Some(&Mine(7)));
        }
    }
}

#[tokio::test]
async fn absent_body_stays_absent() {
    for path in [LOGS, USERS] {
        for request in handed_on(|| request(path, None)).await {
            assert!(request.body().is_none(), "{path}");
        }
    }
}

#[tokio::test]
async fn empty_body_stays_empty() {
    for path in [LOGS, USERS] {
        for request in handed_on(|| request(path, Some("".into()))).await {
            assert_eq!(request.body().and_then(Body::as_bytes), Some(&b""[..]), "{path}");
        }
    }
    let stream = || Body::wrap_stream(stream::empty::<Result<&str, Infallible>>());
    for signed in handed_on(|| request(USERS, Some(stream()))).await {
        assert_eq!(signed.body().and_then(Body::as_bytes), Some(&b""[..]));
        assert_eq!(signed.headers()["content-length"], "0");
    }
}

#[tokio::test]
async fn body_in_memory_stays_cloneable() {
    for path in [LOGS, USERS] {
        for request in handed_on(|| request(path, Some("in memory".into()))).await {
            let clone = request.try_clone().expect("it should be replayable");
            assert_eq!(clone.body().and_then(Body::as_bytes), Some(&b"in memory"[..]), "{path}");
        }
    }
}

#[tokio::test]
async fn body_in_memory_is_not_copied() {
    let bytes = bytes::Bytes::from_static(b"in memory");
    for request in handed_on(|| request(USERS, Some(bytes.clone().into()))).await {
        let body = request.body().and_then(Body::as_bytes).unwrap();
        assert_eq!(body.as_ptr(), bytes.as_ptr());
    }
}

#[tokio::test]
async fn stream_is_read_only_to_be_signed() {
    for signed in handed_on(|| request(USERS, Some(streaming()))).await {
        assert_eq!(signed.body().and_then(Body::as_bytes), Some(&b"a stream"[..]));
        assert!(signed.try_clone().is_some());
    }
    for with_api_key in handed_on(|| request(LOGS, Some(streaming()))).await {
        assert_eq!(with_api_key.body().unwrap().as_bytes(), None);
    }
}
