//! Follows redirects with reqwest, and authenticates each hop for its own path.
//!
//!     cargo run --features reqwest --example reqwest_redirects
//!     cargo run --features reqwest --example reqwest_redirects -- http://127.0.0.1:8080
//!
//! A hop to an untrusted host fails. reqwest's own redirects would send the keys along to any host, and an old signature
//! to a new path. The keys come from the environment: `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`.

use std::time::Duration;

use clap::Parser;
use http_body_util::BodyExt;
use reqwest::{Body, Client, Request, redirect::Policy};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::{FollowRedirectLayer, RequestUri};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

/// Lists users, wherever they have moved.
#[derive(Parser)]
struct Options {
    /// The API.
    #[arg(default_value = "https://rest.logentries.com")]
    origin: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { origin } = Options::parse();
    // Needed only because this repository builds reqwest without a provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        // The redirect layer takes requests of the http crate. They become reqwest's before they are signed, because
        // reqwest may normalize a path.
        .map_response(http::Response::<Body>::from)
        .filter(|request: http::Request<Body>| Request::try_from(request))
        .layer(LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&origin)?)
        .service(http);

    let request = http::Request::get(format!("{origin}/management/accounts/acme/users")).body(Body::default())?;
    let response = client.oneshot(request).await.map_err(anyhow::Error::from_boxed)?;
    if let Some(RequestUri(uri)) = response.extensions().get() {
        println!("{uri} {}", response.status());
    }
    println!("{}", String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()));
    Ok(())
}
