//! The layer among other tower layers.

use std::{error::Error, future::pending, io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::{net::TcpSocket, sync::mpsc};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn, timeout::error::Elapsed,
    util::BoxCloneSyncService,
};
use tower_http::trace::TraceLayer;
use tower_logentries_auth::{
    AuthError, LogentriesAuth, LogentriesAuthLayer, LogentriesVerifyLayer,
    client::{HttpRequest, HttpResponse},
};

use crate::support::{
    LOGS, USERS, assert_no_secrets,
    bodies::{
        Act::{self, Data, Pending, Stall},
        Scripted, trailers,
    },
    credentials, hyper_client,
    inner::RAPID7,
    layer, layer_for, server, whole_error, with_timeout,
};

const MINUTE: Duration = Duration::from_secs(60);

fn post(origin: &str, acts: impl IntoIterator<Item = Act>) -> Request<Body> {
    Request::post(format!("{origin}{USERS}")).body(Body::new(Scripted::new(acts))).unwrap()
}

/// A request that is sent at once, for odd `n`, or one whose body is read first, with others in between.
fn request(origin: &str, n: usize) -> Request<Body> {
    if n % 2 == 1 {
        return Request::get(format!("{origin}{LOGS}")).body(Body::empty()).unwrap();
    }
    post(origin, [Pending, Data(b"a "), Pending, Data(b"body")])
}

/// Sends a number of requests at once over clones of this stack. All arrive, and those to be signed are.
async fn carries<S, T>(stack: impl FnOnce(LogentriesAuthLayer, Client<HttpConnector, Body>) -> S)
where
    S: Service<Request<Body>, Response = Response<T>, Error: Into<BoxError>> + Clone,
{
    let (origin, recording) = server::record().await;
    let service = stack(layer_for(&origin), hyper_client());
    let responses = (0..12).map(|n| service.clone().oneshot(request(&origin, n)));
    for response in with_timeout(join_all(responses)).await {
        assert_eq!(response.map_err(Into::into).unwrap().status(), 200);
    }
    let received = recording.take();
    let (by_key, signed): (Vec<_>, Vec<_>) = received.iter().partition(|r| r.header("x-api-key").is_some());
    assert_eq!((by_key.len(), signed.len()), (6, 6));
    for request in signed {
        assert_eq!((request.signature_error(), &request.body[..]), (None, &b"a body"[..]));
    }
}

#[tokio::test]
async fn concurrency_limit_outer_and_inner() {
    carries(|auth, client| ServiceBuilder::new().concurrency_limit(1).layer(auth).service(client)).await;
    carries(|auth, client| ServiceBuilder::new().layer(auth).concurrency_limit(1).service(client)).await;
}

#[tokio::test]
async fn buffer_outer_and_inner() {
    carries(|auth, client| ServiceBuilder::new().buffer(1).layer(auth).service(client)).await;
    carries(|auth, client| ServiceBuilder::new().layer(auth).buffer(1).service(client)).await;
}

#[tokio::test]
async fn timeout_outer_and_inner() {
    carries(|auth, client| ServiceBuilder::new().timeout(MINUTE).layer(auth).service(client)).await;
    carries(|auth, client| ServiceBuilder::new().layer(auth).timeout(MINUTE).service(client)).await;
}

#[tokio::test]
async fn trace_outer_and_inner() {
    carries(|auth, client| ServiceBuilder::new().layer(TraceLayer::new_for_http()).layer(auth).service(client)).await;
    carries(|auth, client| ServiceBuilder::new().layer(auth).layer(TraceLayer::new_for_http()).service(client)).await;
}

#[tokio::test]
async fn load_shed_outer_and_inner() {
    carries(|auth, client| ServiceBuilder::new().load_shed().layer(auth).service(client)).await;
    carries(|auth, client| ServiceBuilder::new().layer(auth).load_shed().service(client)).await;
}

#[tokio::test]
async fn all_layers_together() {
    carries(|auth, client| {
        let below = ServiceBuilder::new().buffer(1).concurrency_limit(1).timeout(MINUTE).service(client);
        ServiceBuilder::new().load_shed().buffer(12).concurrency_limit(2).timeout(MINUTE).layer(auth).service(below)
    })
    .await;
}

#[tokio::test]
async fn boxed_stack_is_clone_and_send() {
    let (origin, recording) = server::record().await;
    let stack = ServiceBuilder::new().layer(layer_for(&origin)).service(hyper_client());
    let boxed = BoxCloneSyncService::new(stack);
    let request = request(&origin, 0);
    tokio::spawn(boxed.clone().oneshot(request)).await.unwrap().unwrap();
    assert_eq!(recording.only().signature_error(), None);
}

/// A stack whose only permit lies below the layer.
fn with_one_permit<S, T>(
    origin: &str,
    service: S,
) -> impl Service<Request<Body>, Response = Response<T>, Error = AuthError>
where
    S: Service<Request<Body>, Response = Response<T>, Error: Into<BoxError>> + Clone,
{
    ServiceBuilder::new().layer(layer_for(origin)).concurrency_limit(1).service(service)
}

async fn send<S: Service<Request<Body>>>(client: &mut S, request: Request<Body>) -> Result<S::Response, S::Error> {
    let sent = async { client.ready().await?.call(request).await };
    with_timeout(sent).await
}

#[tokio::test]
async fn dropped_while_reading_returns_the_permit() {
    let (origin, recording) = server::record().await;
    let mut client = with_one_permit(&origin, hyper_client());
    let stalled = client.ready().await.unwrap().call(post(&origin, [Data(b"half"), Stall]));
    let mut stalled = Box::pin(stalled);
    assert!(stalled.as_mut().now_or_never().is_none());
    assert!(client.ready().now_or_never().is_none(), "the permit goes with the request");

    drop(stalled);
    send(&mut client, request(&origin, 0)).await.unwrap();
    assert_eq!(recording.only().signature_error(), None);
}

#[tokio::test]
async fn dropped_while_waiting_returns_the_permit() {
    let (got, mut get) = mpsc::unbounded_channel();
    let answers_reads = service_fn(move |request: Request<Body>| {
        got.send(request.method().clone()).unwrap();
        async move { if request.method() == Method::GET { Ok::<_, BoxError>(Response::new(())) } else { pending().await } }
    });
    let mut client = with_one_permit(RAPID7, answers_reads);
    let mut waiting = Box::pin(client.ready().await.unwrap().call(request(RAPID7, 0)));
    tokio::select! {
        _ = &mut waiting => panic!("nobody answers"),
        method = with_timeout(get.recv()) => assert_eq!(method, Some(Method::POST)),
    }
    assert!(client.ready().now_or_never().is_none(), "the permit goes with the request");

    drop(waiting);
    send(&mut client, request(RAPID7, 1)).await.unwrap();
}

#[tokio::test]
async fn failed_request_returns_the_permit() {
    let (origin, recording) = server::record().await;
    let mut client = with_one_permit(&origin, hyper_client());
    let refused = [
        post(&origin, [Data(b"half"), Act::Fail("the disk is gone")]),
        post("http://example.com", []),
        post(&origin, [Pending, Act::Trailers(trailers())]),
    ];
    for request in refused {
        send(&mut client, request).await.unwrap_err();
        assert!(recording.take().is_empty());
    }
    send(&mut client, request(&origin, 0)).await.unwrap();
    assert_eq!(recording.only().signature_error(), None);
}

/// What a caller does who has no use for an error but to pass it on.
async fn fetch<S, E>(stack: S) -> Result<S::Response, BoxError>
where
    S: Service<Request<Body>, Error = E>,
    BoxError: From<E>,
{
    Ok(stack.oneshot(request(RAPID7, 0)).await?)
}

#[tokio::test]
async fn inner_error_keeps_its_type_through_boxes() {
    let never = service_fn(|_: Request<Body>| pending::<Result<Response<()>, BoxError>>());
    let times_out = ServiceBuilder::new().layer(layer()).timeout(Duration::ZERO).service(never);

    let error = fetch(times_out.clone()).await.unwrap_err();
    let error = error.downcast_ref::<AuthError>().unwrap();
    assert!(matches!(error, AuthError::Service { .. }), "{error:?}");
    assert!(error.service_error::<Elapsed>().is_some() && error.source().unwrap().is::<Elapsed>());
    assert!(error.service_error::<io::Error>().is_none());

    let boxing = ServiceBuilder::new().buffer(1).timeout(MINUTE).service(times_out);
    let error = fetch(boxing).await.unwrap_err();
    assert!(error.downcast_ref::<AuthError>().unwrap().service_error::<Elapsed>().is_some());
}

#[tokio::test]
async fn outer_timeout_is_not_an_auth_error() {
    let never = service_fn(|_: Request<Body>| pending::<Result<Response<()>, BoxError>>());
    let stack = ServiceBuilder::new().timeout(Duration::ZERO).layer(layer()).service(never);
    assert!(fetch(stack).await.unwrap_err().is::<Elapsed>());
}

#[tokio::test]
async fn refused_connection_is_the_clients_error() {
    // Bound, so that no other process gets the port, and never listening.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let origin = format!("http://{}", deaf.local_addr().unwrap());
    let client = ServiceBuilder::new().layer(layer_for(&origin)).service(hyper_client());
    let error = client.oneshot(request(&origin, 0)).await.unwrap_err();
    assert!(error.service_error::<hyper_util::client::legacy::Error>().unwrap().is_connect(), "{error:?}");
    assert_no_secrets(&whole_error(&error));
}

#[test]
fn service_gives_its_inner_service() {
    let mut client = layer().layer(ConcurrencyLimit::new(7, 1));
    assert_eq!(client.get_ref().get_ref(), &7);
    *client.get_mut() = ConcurrencyLimit::new(8, 1);
    assert_eq!(client.into_inner().into_inner(), 8);
}

/// Sends a request through a stack whose authentication is optional.
async fn status_with(layer: Option<LogentriesAuthLayer>, origin: &str) -> Result<u16, AuthError> {
    let client = ServiceBuilder::new().option_layer(layer).map_err(AuthError::service).service(hyper_client());
    Ok(client.oneshot(request(origin, 0)).await?.status().as_u16())
}

#[tokio::test]
async fn optional_layer() {
    let origin = server::verifier(LogentriesVerifyLayer::new(credentials())).await;
    assert_eq!(status_with(Some(layer_for(&origin)), &origin).await.unwrap(), 200);
    assert_eq!(status_with(None, &origin).await.unwrap(), 401);

    // The error is the layer's own or the client's, as if the layer were not optional.
    let error = status_with(Some(layer()), &origin).await.unwrap_err();
    assert!(matches!(error, AuthError::UntrustedOrigin { .. }), "{error:?}");
    let (refused, _held) = server::refused_port();
    for layer in [Some(layer_for(&refused)), None] {
        let error = status_with(layer, &refused).await.unwrap_err();
        assert!(error.service_error::<hyper_util::client::legacy::Error>().is_some(), "{error:?}");
    }
}

/// The bounds of a function that is generic over clients.
async fn get_with<S, B>(client: S, layer: &LogentriesAuthLayer, uri: String) -> Result<S::Response, AuthError>
where
    S: Service<Request<B>, Response: HttpResponse, Error: Into<BoxError>> + Clone,
    Request<B>: HttpRequest<Body = B>,
    B: From<Bytes> + Default,
{
    let client: LogentriesAuth<S> = layer.layer(client);
    client.oneshot(Request::get(uri).body(B::default()).unwrap()).await
}

#[tokio::test]
async fn generic_code_can_name_its_bounds() {
    let (origin, recording) = server::record().await;
    let layer = layer_for(&origin);
    let full = Client::builder(hyper_util::rt::TokioExecutor::new()).build_http::<Full<Bytes>>();
    get_with(full, &layer, format!("{origin}{USERS}")).await.unwrap();
    get_with(hyper_client(), &layer, format!("{origin}{USERS}")).await.unwrap();
    assert!(recording.take().iter().all(|received| received.signature_error().is_none()));
}
