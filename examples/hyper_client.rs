//! Lists the logs of an account over https, with the keys from the environment:
//!
//!     LOGENTRIES_RO_API_KEY=... cargo run --example hyper_client
//!
//! To use another origin, which is then trusted with the key: `hyper_client http://127.0.0.1:8080`.

use std::{env, error::Error, process::ExitCode};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::crypto::ring;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

#[tokio::main]
async fn main() -> ExitCode {
    match list_logs().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let mut next: Option<&dyn Error> = Some(&*error);
            while let Some(error) = next {
                eprintln!("{error}");
                next = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints the status and the body of the answer; says whether it is one of success.
async fn list_logs() -> Result<bool, BoxError> {
    let origin = env::args().nth(1).unwrap_or_else(|| "https://rest.logentries.com".to_owned());
    let auth = LogentriesAuthLayer::new(Credentials::from_env()?).trust_origin(&origin)?;
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(ring::default_provider())?;
    let http = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_all_versions().build());
    let client = ServiceBuilder::new().layer(auth).service(http);

    let request = Request::get(format!("{origin}/management/logs")).body(Full::<Bytes>::default())?;
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status}\n{}", String::from_utf8_lossy(&body));
    Ok(status.is_success())
}
