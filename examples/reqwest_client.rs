//! Sends requests with reqwest through the signing layer: one with an API key, one with the owner's signature.
//!
//!     cargo run --features reqwest --example reqwest_client
//!     cargo run --features reqwest --example reqwest_client -- http://127.0.0.1:8080      # such as `stand_in 8080`
//!
//! The keys come from the environment: `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`, and
//! `LOGENTRIES_RW_API_KEY` or `LOGENTRIES_RO_API_KEY`.

use std::time::Duration;

use clap::Parser;
use reqwest::{Client, Request, Response, redirect::Policy};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{AuthError, Credentials, LogentriesAuthLayer};

/// Lists logs, and adds a user.
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
    // reqwest must not follow redirects: it would send the keys along to any host. See `reqwest_redirects`.
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let layer = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&origin)?;
    let client = ServiceBuilder::new().layer(layer).service(http.clone());

    // Requests are built as usual. Reading logs requires an API key, adding a user the owner's signature.
    send(client.clone(), http.get(format!("{origin}/management/logs")).build()?).await?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(client, http.post(format!("{origin}/management/accounts/acme/users")).body(user).build()?).await
}

async fn send<S>(client: S, request: Request) -> anyhow::Result<()>
where
    S: Service<Request, Response = Response, Error = AuthError>,
{
    let response = client.oneshot(request).await?;
    println!("{} {}", response.url().path(), response.status());
    println!("{}", response.text().await?);
    Ok(())
}
