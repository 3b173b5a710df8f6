//! Lists the logs of an account with a hyper-util client.
//!
//!     LOGENTRIES_RO_API_KEY=.. cargo run --example hyper_client
//!     cargo run --example hyper_client -- http://127.0.0.1:8080      # such as `stand_in 8080`
//!
//! The keys come from the environment, as `Credentials::from_env` reads them. They are sent to the origin that you name.

use bytes::Bytes;
use clap::Parser;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::crypto::ring;
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

/// Lists the logs of an account.
#[derive(Parser)]
struct Options {
    /// The API.
    #[arg(default_value = "https://rest.logentries.com")]
    origin: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { origin } = Options::parse();
    let auth = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&origin)?;
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(ring::default_provider())?;
    let http = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_all_versions().build());
    let client = ServiceBuilder::new().layer(auth).service(http);

    let request = Request::get(format!("{origin}/management/logs")).body(Full::<Bytes>::default())?;
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status}\n{}", String::from_utf8_lossy(&body));
    anyhow::ensure!(status.is_success(), "the server rejected the request");
    Ok(())
}
