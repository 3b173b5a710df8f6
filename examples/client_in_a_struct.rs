//! An API client type that holds its whole stack in a field: timeout, redirects, retries, a concurrency limit and
//! signing, in this order.
//!
//!     cargo run --features retry --example client_in_a_struct                                    # an embedded server
//!     cargo run --features retry --example client_in_a_struct -- https://rest.logentries.com     # keys from LOGENTRIES_*
//!
//! The outer layers see a `Full<Bytes>` body, so that redirects and retries can clone requests. Inside the signing
//! layer, it is converted to the `BoxBody` that the HTTP client expects.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::{Router, extract::State, response::Redirect, routing::get};
use bytes::Bytes;
use clap::Parser;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer},
    retry::{Retry, RetryLayer},
    timeout::{Timeout, TimeoutLayer},
    util::{BoxCloneSyncService, MapRequest, MapRequestLayer},
};
use tower_http::follow_redirect::{
    FollowRedirect, FollowRedirectLayer,
    policy::{And, CloneBodyFn, PolicyExt, Standard, clone_body_fn},
};
use tower_logentries_auth::{
    AuthError, Credentials, LogentriesAuth, LogentriesAuthLayer, LogentriesRetryPolicy, LogentriesVerifyLayer,
};

/// What the HTTP client takes, and perhaps the rest of the program uses.
type HttpBody = BoxBody<Bytes, BoxError>;
type HttpClient = Client<HttpsConnector<HttpConnector>, HttpBody>;

/// The stack, named in full. Function pointers stand where closures have no name.
type Stack = Timeout<FollowRedirect<Retry<LogentriesRetryPolicy, ConcurrencyLimit<Signed>>, WithBody>>;
type Signed = LogentriesAuth<MapRequest<HttpClient, fn(Request<Full<Bytes>>) -> Request<HttpBody>>>;
type WithBody = And<Standard, CloneBodyFn<fn(&Full<Bytes>) -> Option<Full<Bytes>>>>;

/// The same with its type erased: each request costs another allocation, and the field's type has a short name.
type BoxedStack = BoxCloneSyncService<Request<Full<Bytes>>, Response<Incoming>, BoxError>;

/// A client of the API, over any stack.
#[derive(Clone)]
struct Api<S> {
    origin: String,
    stack: S,
}

impl Api<Stack> {
    fn new(origin: String, credentials: Credentials) -> anyhow::Result<Self> {
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_all_versions()
            .build();
        let clone_body: fn(&Full<Bytes>) -> _ = |body| Some(body.clone());
        let box_body: fn(Request<Full<Bytes>>) -> _ = |request| request.map(|body| body.map_err(Into::into).boxed());
        let stack = ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(60)))
            .layer(FollowRedirectLayer::with_policy(
                Standard::default().and::<_, Full<Bytes>, AuthError>(clone_body_fn(clone_body)),
            ))
            .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
            .layer(ConcurrencyLimitLayer::new(8))
            .layer(LogentriesAuthLayer::new(credentials).trust_origin(&origin)?)
            .layer(MapRequestLayer::new(box_body))
            .service(Client::builder(TokioExecutor::new()).build(https));
        Ok(Self { origin, stack })
    }

    fn boxed(self) -> Api<BoxedStack> {
        Api { origin: self.origin, stack: BoxCloneSyncService::new(self.stack) }
    }
}

impl<S> Api<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = BoxError, Future: Send>,
    S: Clone + Send + 'static,
{
    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let request = Request::get(format!("{}{path}", self.origin)).body(Full::default())?;
        // A clone shares everything but its readiness. Boxed, the future can be spawned: for the type of such a stack,
        // rustc reports that "one type is more general than the other", or that an "implementation of `Service` is not
        // general enough".
        let response = self.stack.clone().oneshot(request).boxed().await.map_err(anyhow::Error::from_boxed)?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status.is_success(), "{status} {}", String::from_utf8_lossy(&body));
        Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
    }
}

/// Lists the logs of an account by a client type of its own.
#[derive(Parser)]
struct Options {
    /// The origin of the API, which gets the keys in the environment. An embedded server if there is none.
    origin: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (origin, credentials) = match Options::parse().origin {
        Some(origin) => (origin, Credentials::from_env()?),
        None => {
            let credentials = Credentials::read_only("read-only-key")?;
            (serve(credentials.clone()).await?, credentials)
        }
    };
    let api = Api::new(origin, credentials)?;
    let boxed = api.clone().boxed();

    let named = tokio::spawn(async move { api.get("/management/logs").await });
    println!("named: {}", named.await?.context("named stack")?);
    let boxed = tokio::spawn(async move { boxed.get("/management/logs").await });
    println!("boxed: {}", boxed.await?.context("boxed stack")?);
    Ok(())
}

/// Starts a server that is unavailable for every other request, and whose logs have moved.
async fn serve(credentials: Credentials) -> anyhow::Result<String> {
    let app = Router::new()
        .route("/management/logs", get(|| async { Redirect::permanent("/management/logs/moved") }))
        .route("/management/logs/moved", get(every_other))
        .with_state(Arc::new(AtomicUsize::new(0)))
        .layer(LogentriesVerifyLayer::new(credentials));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(origin)
}

async fn every_other(State(count): State<Arc<AtomicUsize>>) -> Result<&'static str, StatusCode> {
    match count.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => Err(StatusCode::SERVICE_UNAVAILABLE),
        _ => Ok("[]"),
    }
}
