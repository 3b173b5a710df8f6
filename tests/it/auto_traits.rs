//! Services and futures are `Send` and `Sync` with ordinary bodies, so that they can be spawned and shared.
//!
//! These are checks of the compiler: a type that lost a trait fails the build.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_logentries_auth::{
    ApiKeyDigest, AuthError, BodyDigest, BufferedBody, CanonicalRequest, Credentials, CredentialsHandle, Identity,
    LogentriesAuth, LogentriesAuthLayer, LogentriesAuthMiddleware, LogentriesRetryMiddleware, LogentriesRetryPolicy,
    LogentriesVerify, LogentriesVerifyLayer, OwnerKey, Rejection, Signature,
    client::{HttpRequest, HttpResponse},
    explain::Mistake,
    replay::{MemoryReplayGuard, RejectReplaysLayer},
    retry::RetryDelay,
    server::{
        CachedKeyStore, Explain, MemoryKeyStore, PresentedKey, Reason, ResponseBody, SignatureMismatch, StoredApiKey,
        VerifiedSignature,
    },
};

use crate::support::credentials;

fn is_send_and_sync<T: Send + Sync>(value: T) -> T {
    value
}

const fn are_send_and_sync<T: Send + Sync + 'static>() {}

const _: () = {
    are_send_and_sync::<(Credentials, CredentialsHandle, OwnerKey, BodyDigest, Signature, CanonicalRequest<'static>)>();
    are_send_and_sync::<(LogentriesAuthLayer, LogentriesAuth<()>, LogentriesAuthMiddleware, AuthError, BufferedBody)>();
    are_send_and_sync::<(LogentriesVerifyLayer<MemoryKeyStore>, LogentriesVerify<(), MemoryKeyStore>, Rejection)>();
    are_send_and_sync::<(MemoryKeyStore, CachedKeyStore<Credentials>, StoredApiKey, PresentedKey, ApiKeyDigest)>();
    are_send_and_sync::<(Identity, Reason, SignatureMismatch, VerifiedSignature, Explain, Mistake)>();
    are_send_and_sync::<(ResponseBody<Full<Bytes>>, ResponseBody<BoxBody<Bytes, Infallible>>)>();
    are_send_and_sync::<(RejectReplaysLayer<MemoryReplayGuard>, MemoryReplayGuard)>();
    are_send_and_sync::<(LogentriesRetryPolicy, LogentriesRetryMiddleware, RetryDelay)>();
};

/// A service whose future is `Send` and `Sync`, as those of most clients are `Send`.
#[derive(Clone)]
struct Inner;

impl<ReqBody> Service<Request<ReqBody>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<ReqBody>) -> Self::Future {
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn services_and_futures_are_send_and_sync() {
    let signing = is_send_and_sync(LogentriesAuthLayer::new(credentials()).layer(Inner));
    let request = Request::get("https://rest.logentries.com/management/logs").body(Full::<Bytes>::default()).unwrap();
    tokio::spawn(is_send_and_sync(signing.clone().call(request))).await.unwrap().unwrap();

    let verifying = is_send_and_sync(LogentriesVerifyLayer::new(credentials()).layer(Inner));
    let future = is_send_and_sync(verifying.clone().call(Request::new(Full::<Bytes>::default())));
    assert_eq!(tokio::spawn(future).await.unwrap().unwrap().status(), http::StatusCode::UNAUTHORIZED);
}

/// `BoxBody` is `Sync`; `UnsyncBoxBody` and axum's `Body` are `Send` alone.
#[tokio::test]
async fn futures_inherit_auto_traits_of_bodies() {
    let layer = LogentriesAuthLayer::new(credentials());
    let uri = "https://rest.logentries.com/management/accounts/7/users";

    let boxed: BoxBody<Bytes, Infallible> = Full::from("a body").boxed();
    let mut client = layer.clone().rebuild_body(BufferedBody::boxed).layer(Inner);
    is_send_and_sync(client.call(Request::post(uri).body(boxed).unwrap())).await.unwrap();

    let response = tokio::spawn(layer.layer(Inner).oneshot(Request::post(uri).body(Body::from("a body")).unwrap()));
    response.await.unwrap().unwrap();
}

/// A user's own function, generic over clients, which spawns: what is pending must be `Send` by these bounds alone.
async fn spawned<S, Req>(client: S, request: Req) -> Result<S::Response, AuthError>
where
    S: Service<Req, Response: HttpResponse + Send, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    Req: HttpRequest<Body: From<Bytes> + Send> + Send + 'static,
{
    tokio::spawn(LogentriesAuthLayer::new(credentials()).layer(client).oneshot(request)).await.unwrap()
}

#[tokio::test]
async fn generic_code_can_spawn_a_request() {
    let request = Request::post("https://rest.logentries.com/management/accounts/7/users");
    let response = spawned(Inner, request.body(Full::<Bytes>::from("a body")).unwrap()).await;
    assert_eq!(response.unwrap().status(), http::StatusCode::OK);
}
