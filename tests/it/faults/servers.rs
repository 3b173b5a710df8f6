//! Servers that fail, on real sockets.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Service, ServiceBuilder, ServiceExt, timeout::error::Elapsed};
use tower_logentries_auth::AuthError;

use crate::support::{
    USERS, layer_for,
    raw::{Fault, fails_once},
    server, with_timeout,
};

/// A client with one permit outside the layer, and one inside it.
fn client(
    origin: &str,
    is_http2: bool,
) -> impl Service<Request<Body>, Response = Response<Incoming>, Error = AuthError, Future: Send> + Clone {
    let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).retry_canceled_requests(false).build_http();
    ServiceBuilder::new().concurrency_limit(1).layer(layer_for(origin)).concurrency_limit(1).service(client)
}

fn post(origin: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("{origin}{USERS}")).body(body.into()).unwrap()
}

/// Sends a good request, and looks at it where it arrives.
async fn works<S>(client: S, origin: &str, recording: &server::Recording)
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = AuthError>,
{
    let response = with_timeout(client.oneshot(post(origin, "again"))).await.unwrap();
    assert_eq!(response.status(), 200);
    let received = recording.only();
    assert_eq!((received.signature_error(), &*received.body), (None, &b"again"[..]));
}

#[tokio::test]
async fn server_fault_is_a_service_error() {
    for fault in [Fault::Reset, Fault::Close, Fault::HalfAnAnswer, Fault::Garbage] {
        for is_http2 in [false, true] {
            let (origin, recording) = fails_once(fault).await;
            let client = client(&origin, is_http2);
            let error = with_timeout(client.clone().oneshot(post(&origin, "a body"))).await.unwrap_err();
            let source = error.service_error::<hyper_util::client::legacy::Error>();
            assert!(source.is_some(), "{fault:?} {is_http2} {error:?}");
            works(client, &origin, &recording).await;
        }
    }
}

#[tokio::test]
async fn silent_server_is_left_to_the_callers_timeout() {
    for is_http2 in [false, true] {
        let (origin, recording) = fails_once(Fault::Silence).await;
        let client = client(&origin, is_http2);
        let impatient = ServiceBuilder::new().timeout(Duration::from_millis(500)).service(client.clone());
        let error = impatient.oneshot(post(&origin, "a body")).await.unwrap_err();
        assert!(error.is::<Elapsed>(), "{error:?}");
        if !is_http2 {
            // Over HTTP/2 the silent connection stays the one that the pool uses.
            works(client, &origin, &recording).await;
        }
    }
}

#[tokio::test]
async fn closed_keep_alive_fails_one_request_only() {
    let (origin, recording) = fails_once(Fault::CloseOnTheSecond).await;
    let client = client(&origin, false);
    let first = with_timeout(client.clone().oneshot(post(&origin, Body::empty()))).await.unwrap();
    assert_eq!(first.status(), 200);
    drop(first);
    let second = with_timeout(client.clone().oneshot(post(&origin, "a body"))).await;
    assert!(matches!(second, Err(AuthError::Service { .. })), "{second:?}");
    works(client, &origin, &recording).await;
}

/// The body is larger than any socket buffer, and no one reads it.
#[tokio::test]
async fn early_response_is_returned() {
    for is_http2 in [false, true] {
        let app = axum::Router::new().fallback(|| async { http::StatusCode::IM_A_TEAPOT });
        let origin = server::serve(app).await;
        let client = client(&origin, is_http2);
        for _ in 0..3 {
            let body = vec![7; 8 * 1024 * 1024];
            match with_timeout(client.clone().oneshot(post(&origin, body))).await {
                Ok(response) => assert_eq!(response.status(), 418),
                // The server may close first: that is an error, and costs no permit.
                Err(error) => assert!(matches!(error, AuthError::Service { .. }), "{error:?}"),
            }
        }
        let response = with_timeout(client.oneshot(post(&origin, "again"))).await.unwrap();
        assert_eq!(response.status(), 418);
    }
}
