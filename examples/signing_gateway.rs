//! A gateway to the API for services without keys: it authenticates the requests that it receives, and forwards them.
//!
//!     cargo run --example signing_gateway
//!     cargo run --example signing_gateway -- --listen 127.0.0.1:8080 --upstream https://rest.logentries.com
//!
//! The keys are read from the environment variables of `Credentials::from_env`.
//!
//! Everyone who can reach the gateway can use its keys, including programs of other users and pages in a browser on the
//! same machine. By default, it therefore listens on loopback. It forwards to one origin only, whatever host a request
//! names, and by default over https. Give it the least-privileged key that suffices, and authenticate its clients if
//! that is not enough. It logs methods, paths and errors, but no headers, queries or bodies.

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    error_handling::HandleErrorLayer,
    http::{
        HeaderMap, HeaderName, Method, Request, StatusCode, Uri, Version,
        header::{CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE},
        uri::{Authority, PathAndQuery, Scheme},
    },
    response::{IntoResponse, Response},
};
use clap::Parser;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::{BoxError, ServiceBuilder};
use tower_logentries_auth::{AuthError, Credentials, LogentriesAuthLayer};

/// Authenticates requests and forwards them to the API.
#[derive(Parser)]
struct Options {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// The API.
    #[arg(long, value_name = "ORIGIN", default_value = "https://rest.logentries.com")]
    upstream: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { listen, upstream } = Options::parse();
    let app = gateway(Credentials::from_env()?, &upstream)?;
    let listener = TcpListener::bind(&listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("http://{} lends its keys for {upstream}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// Creates the gateway: a client that signs, with what a proxy must do around it.
fn gateway(credentials: Credentials, upstream: &str) -> anyhow::Result<Router> {
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(upstream)?;
    let upstream = Upstream::parse(upstream)?;
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let service = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(explain))
        .map_response(|mut response: Response<_>| {
            *response.version_mut() = Version::HTTP_11;
            remove_hop_by_hop(response.headers_mut());
            response
        })
        .filter(move |request| upstream.direct(request))
        .layer(layer)
        .service(Client::builder(TokioExecutor::new()).build::<_, Body>(https));
    Ok(Router::new().fallback_service(service))
}

#[derive(Clone)]
struct Upstream {
    scheme: Scheme,
    authority: Authority,
}

impl Upstream {
    fn parse(origin: &str) -> anyhow::Result<Self> {
        let parts = origin.parse::<Uri>()?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            anyhow::bail!("--upstream takes an origin, such as https://rest.logentries.com");
        };
        Ok(Self { scheme, authority })
    }

    /// Directs a request to this upstream, whatever host it names.
    fn direct(&self, mut request: Request<Body>) -> Result<Request<Body>, BoxError> {
        let path = request.uri().path_and_query().filter(|path| path.as_str().starts_with('/')).cloned();
        let path: PathAndQuery = path
            .filter(|_| request.method() != Method::CONNECT)
            .ok_or("this gateway forwards requests for a path only")?;
        println!("{} {}", request.method(), path.path());
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        *request.uri_mut() = uri.build()?;
        // The inner client speaks HTTP/1.1, and sets the Host header from the URI.
        *request.version_mut() = Version::HTTP_11;
        remove_hop_by_hop(request.headers_mut());
        request.headers_mut().remove(HOST);
        Ok(request)
    }
}

/// Removes the headers that are for the next hop only: those that `Connection` names, and the list of RFC 9110 (section
/// 7.6.1).
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let keep_alive = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    let others = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];
    for name in named.into_iter().chain(keep_alive).chain(others) {
        headers.remove(name);
    }
}

async fn explain(error: BoxError) -> Response {
    let status = match error.downcast_ref() {
        Some(AuthError::BodyTooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        Some(AuthError::InsufficientAccess { .. }) => StatusCode::FORBIDDEN,
        Some(AuthError::ClockOutOfRange) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(AuthError::Service { .. }) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::BAD_REQUEST,
    };
    let reason = format!("{:#}", anyhow::Error::from_boxed(error)); // with its causes
    println!("{status}: {reason}");
    (status, reason).into_response()
}
