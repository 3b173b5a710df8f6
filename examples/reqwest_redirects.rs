//! A reqwest client that follows redirects and authenticates each hop.
//!
//!     cargo run --example reqwest_redirects --features reqwest -- [BASE]
//!
//! A hop to another path is signed for that path, and a hop to an untrusted host fails. reqwest's own redirects would
//! send the keys to any host, and the old signature to a new path. The keys and BASE are those of `reqwest_client`.

use std::{env, time::Duration};

use http_body_util::BodyExt;
use reqwest::{Body, Client, Request, redirect::Policy};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::{FollowRedirectLayer, RequestUri};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let base = env::args().nth(1).unwrap_or_else(|| "https://rest.logentries.com".into());

    // Only since this repository builds reqwest without a provider of its own.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "rustls has a provider already")?;
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        // What follows redirects takes requests of the http crate. They become reqwest's before they are signed, since
        // reqwest may spell a path in another way.
        .map_response(http::Response::<Body>::from)
        .filter(|request: http::Request<Body>| Request::try_from(request))
        .layer(LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&base)?)
        .service(http);

    let request = http::Request::get(format!("{base}/management/accounts/acme/users")).body(Body::default())?;
    let response = client.oneshot(request).await?;
    if let Some(RequestUri(uri)) = response.extensions().get() {
        println!("{uri} {}", response.status());
    }
    println!("{}", String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()));
    Ok(())
}
