//! A gateway to the API for programs that hold no keys: it signs their requests, and forwards them.
//!
//!     cargo run --example signing_gateway
//!     cargo run --example signing_gateway -- --listen 127.0.0.1:8080 --upstream https://rest.logentries.com
//!
//! The keys are read from the environment variables of `Credentials::from_env`. It prints three commands to try, and then
//! each request: the key that it was sent with, and why it was rejected. To try it without an account, start the example
//! `stand_in`, export the keys that it prints, and name its origin with `--upstream`.
//!
//! Everyone who can reach the gateway can use its keys, including programs of other users and pages in a browser on the
//! same machine. By default, it therefore listens on loopback. It forwards to one origin only, whatever host a request
//! names, and by default over https. Give it the least-privileged key that suffices, and authenticate its clients if
//! that is not enough. It logs methods, paths and errors, but no headers, queries or bodies of requests.

mod requests;
mod upstream;

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    error_handling::HandleErrorLayer,
    http::{Response, Version},
    middleware::from_fn,
};
use clap::Parser;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

use crate::upstream::{Upstream, remove_hop_by_hop};

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
    println!("{}", first_steps(&format!("http://{}", listener.local_addr()?), &upstream));
    Ok(axum::serve(listener, app).await?)
}

fn first_steps(origin: &str, upstream: &str) -> String {
    format!(
        r#"The gateway at {origin} lends its keys for {upstream} until Ctrl-C.

Try it from another shell, without any key:

# the logs
curl {origin}/management/logs

# a query: its answer has the link to poll, on the host of the upstream
curl "{origin}/query/logsets?logset_name=Servers&query=where(status=200)"

# a new user
curl -H "content-type: application/json" {origin}/management/accounts/acme/users \
    -d '{{"user":{{"first_name":"Jane","last_name":"Smyth","email":"jane@smyth.com"}}}}'

Each request, the key that it was sent with, and why it was rejected:
"#
    )
}

/// Creates the gateway: a client that signs, with what a proxy must do around it.
fn gateway(credentials: Credentials, upstream: &str) -> anyhow::Result<Router> {
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(upstream)?;
    let upstream = Upstream::parse(upstream)?;
    let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let service = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(requests::answer_error))
        .map_response(|mut response: Response<_>| {
            *response.version_mut() = Version::HTTP_11;
            remove_hop_by_hop(response.headers_mut());
            response
        })
        .filter(move |request| upstream.direct(request))
        .layer(layer)
        .map_request(requests::note_key)
        .service(Client::builder(TokioExecutor::new()).build::<_, Body>(https));
    Ok(Router::new().fallback_service(service).layer(from_fn(requests::print)))
}
