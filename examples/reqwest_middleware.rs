//! Sends requests with a reqwest-middleware client that authenticates them.
//!
//!     cargo run --features reqwest-middleware --example reqwest_middleware
//!     cargo run --features reqwest-middleware --example reqwest_middleware -- http://127.0.0.1:8080
//!
//! The keys come from the environment: `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`, and
//! `LOGENTRIES_RW_API_KEY` or `LOGENTRIES_RO_API_KEY`.

use std::time::Duration;

use clap::Parser;
use reqwest::{Client, redirect::Policy};
use reqwest_middleware::{ClientBuilder, RequestBuilder};
use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer, LogentriesAuthMiddleware};

/// Lists logs, adds a user, and reads a resource that is not documented.
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
    // reqwest must not follow redirects: it would send the keys along to any host.
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let layer = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&origin)?;
    // Add it last: middleware that is added before it, such as retries, then has each attempt signed afresh.
    let client = ClientBuilder::new(http).with(LogentriesAuthMiddleware::from(layer)).build();

    send(client.get(format!("{origin}/management/logs"))).await?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(client.post(format!("{origin}/management/accounts/acme/users")).body(user)).await?;
    // An `Access` in the extensions overrides the table of the layer.
    send(client.get(format!("{origin}/management/new-resource")).with_extension(Access::Owner)).await
}

async fn send(request: RequestBuilder) -> anyhow::Result<()> {
    let response = request.send().await?;
    println!("{} {}", response.url().path(), response.status());
    println!("{}", response.text().await?);
    Ok(())
}
