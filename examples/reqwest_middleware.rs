//! A reqwest-middleware client that authenticates its requests.
//!
//!     cargo run --example reqwest_middleware --features reqwest-middleware -- [BASE]
//!
//! The keys are read from the environment: LOGENTRIES_OWNER_API_KEY_ID and LOGENTRIES_OWNER_API_KEY, and
//! LOGENTRIES_RW_API_KEY or LOGENTRIES_RO_API_KEY. BASE defaults to
//! https://rest.logentries.com.

use std::{env, time::Duration};

use reqwest::{Client, redirect::Policy};
use reqwest_middleware::{ClientBuilder, RequestBuilder};
use tower::BoxError;
use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer, LogentriesAuthMiddleware};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let base = env::args().nth(1).unwrap_or_else(|| "https://rest.logentries.com".into());

    // Only since this repository builds reqwest without a provider of its own.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "rustls has a provider already")?;
    // Redirects are not followed: reqwest would take the keys along to any host.
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let layer = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&base)?;
    // Added last, so that what is added before it, such as retries, has each attempt authenticated afresh.
    let client = ClientBuilder::new(http).with(LogentriesAuthMiddleware::from(layer)).build();

    send(client.get(format!("{base}/management/logs"))).await?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(client.post(format!("{base}/management/accounts/acme/users")).body(user)).await?;
    // A resource that the table of the layer does not know, signed since the request says so.
    send(client.get(format!("{base}/management/audit")).with_extension(Access::Owner)).await
}

async fn send(request: RequestBuilder) -> Result<(), BoxError> {
    let response = request.send().await?;
    println!("{} {}", response.url().path(), response.status());
    println!("{}", response.text().await?);
    Ok(())
}
