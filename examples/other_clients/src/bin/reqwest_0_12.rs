//! Sends requests with `reqwest` 0.12, whose requests this crate does not know: they are converted to the `http` crate's,
//! and back.
//!
//!     cargo run --bin reqwest_0_12                                     # an embedded server
//!     cargo run --bin reqwest_0_12 -- https://rest.logentries.com      # the keys come from the environment
//!
//! Requests are built as usual, and the client takes and returns reqwest's own types. What is lost on the way:
//!
//! - `Response::url()`, unless it is kept in the extensions, as here.
//! - Streaming bodies: a request that may be sent twice has its body in memory.
//! - The retry policy does not know the timeouts of this reqwest. It does know those of tower's `Timeout`, which is used here.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use reqwest::{Body, Client, Request, Response, ResponseBuilderExt, redirect::Policy};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, timeout::TimeoutLayer};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesRetryPolicy};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (origin, credentials) = other_clients::target()?;
    // reqwest must not follow redirects: it would send the keys along to any host.
    let http = Client::builder().redirect(Policy::none()).build()?;
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(&origin)?;
    let client = authenticated(http.clone(), layer);

    send(client.clone(), http.get(format!("{origin}/management/logs")).build()?).await?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(client, http.post(format!("{origin}/management/accounts/acme/users")).body(user).build()?).await
}

async fn send(
    client: impl Service<Request, Response = Response, Error = BoxError>,
    request: Request,
) -> anyhow::Result<()> {
    let response = client.oneshot(request).await.map_err(anyhow::Error::from_boxed)?;
    print!("{} {}: ", response.url().path(), response.status());
    println!("{}", response.text().await?);
    Ok(())
}

/// Puts the layer around a client, with retries and a timeout for each attempt.
pub(crate) fn authenticated(
    http: Client,
    layer: LogentriesAuthLayer,
) -> impl Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone {
    ServiceBuilder::new()
        .map_response(Response::from)
        .filter(to_http)
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(layer)
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
        .filter(|request: http::Request<Full<Bytes>>| Request::try_from(request.map(Body::wrap)))
        .map_response(from_reqwest)
        .service(http)
}

/// Converts a request before it is signed, with the path that reqwest has normalized.
fn to_http(request: Request) -> Result<http::Request<Full<Bytes>>, BoxError> {
    let (head, body) = http::Request::<Body>::try_from(request)?.into_parts();
    let bytes = body.as_bytes().ok_or("a streaming body cannot be sent twice")?;
    Ok(http::Request::from_parts(head, Full::from(Bytes::copy_from_slice(bytes))))
}

/// Converts a response, and keeps its URL where the conversion back looks for it.
fn from_reqwest(response: Response) -> http::Response<Body> {
    let url = response.url().clone();
    let mut converted = http::Response::from(response);
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        converted.extensions_mut().extend(with_url.into_parts().0.extensions);
    }
    converted
}
