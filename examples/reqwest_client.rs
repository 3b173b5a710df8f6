//! A reqwest client wrapped in the layer.
//!
//!     cargo run --example reqwest_client --features reqwest -- [BASE]
//!
//! The keys are read from the environment: LOGENTRIES_OWNER_API_KEY_ID and LOGENTRIES_OWNER_API_KEY, and
//! LOGENTRIES_RW_API_KEY or LOGENTRIES_RO_API_KEY. BASE defaults to
//! https://rest.logentries.com.

use std::{env, time::Duration};

use reqwest::{Client, Request, Response, redirect::Policy};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{AuthError, Credentials, LogentriesAuthLayer};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let base = env::args().nth(1).unwrap_or_else(|| "https://rest.logentries.com".into());

    // Only since this repository builds reqwest without a provider of its own.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "rustls has a provider already")?;
    // No redirects: reqwest would take the keys along to any host. `reqwest_redirects` shows how to follow them.
    let http = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;

    let layer = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&base)?;
    let client = ServiceBuilder::new().layer(layer).service(http.clone());

    // Requests are built as ever. Reading logs takes an API key, an account the owner's signature.
    send(client.clone(), http.get(format!("{base}/management/logs")).build()?).await?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(client, http.post(format!("{base}/management/accounts/acme/users")).body(user).build()?).await
}

async fn send<S>(client: S, request: Request) -> Result<(), BoxError>
where
    S: Service<Request, Response = Response, Error = AuthError>,
{
    let response = client.oneshot(request).await?;
    println!("{} {}", response.url().path(), response.status());
    println!("{}", response.text().await?);
    Ok(())
}
