//! Queries logs with LEQL: starts the query, polls it until it is done, and prints its events page by page.
//!
//!     cargo run --features retry --example query_logs                                    # an embedded stand-in
//!     cargo run --features retry --example query_logs -- --url https://eu.rest.logs.insight.rapid7.com \
//!         --log 34634d9e-89e8-4e02-a255-f10baf0e9f2b --leql 'where(status>=500)' --during 'last 3 hours'
//!
//! With `--url` the keys come from the environment: any of those that `Credentials::from_env` reads will do.
//!
//! A query that takes long is answered with 202 and a link to poll. The link may lead to the other kind of Rapid7's hosts,
//! which is trusted like the first. A rate limit is waited for, as `Retry-After` says.

#[path = "stand_in/server/mod.rs"]
mod stand_in;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_logentries_auth::{
    AuthError, Credentials, LogentriesAuthLayer, LogentriesRetryPolicy, LogentriesVerifyLayer,
};

const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The API limits requests in windows of 15 minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(20 * 60);

/// Queries logs with LEQL.
#[derive(Parser)]
struct Options {
    /// The API, which gets the keys in the environment. Defaults to an embedded stand-in.
    ///
    /// On the Insight platform it is https://{region}.api.insight.rapid7.com/log_search.
    #[arg(long)]
    url: Option<String>,
    /// The id of a log. Can be given several times. Defaults to all logs.
    #[arg(long)]
    log: Vec<String>,
    #[arg(long, default_value = "where(/.*/)")]
    leql: String,
    /// The time range.
    #[arg(long, default_value = "last 20 minutes")]
    during: String,
}

/// The answer to a query or a poll.
#[derive(Deserialize)]
struct Answer {
    progress: Option<u64>,
    #[serde(default)]
    events: Vec<Event>,
    statistics: Option<Value>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Event {
    /// In milliseconds since 1970.
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl Answer {
    /// Returns where a link leads. The API spells its relation in either case.
    fn link(&self, rel: &str) -> Option<&str> {
        self.links.iter().find(|link| link.rel.eq_ignore_ascii_case(rel)).map(|link| &*link.href)
    }

    fn print(&self) {
        for Event { timestamp, message } in &self.events {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*timestamp) * 1_000_000).ok();
            let time = time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| timestamp.to_string());
            println!("{time} {message}");
        }
        if let Some(statistics) = &self.statistics {
            println!("{statistics:#}");
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { url, log, leql, during } = Options::parse();
    let (url, credentials, other_host) = match url {
        Some(url) => (url.trim_end_matches('/').to_owned(), Credentials::from_env()?, None),
        None => start_stand_in().await?,
    };
    let client = client(&url, credentials, other_host)?;

    let logs = if log.is_empty() { all_logs(&client, &url).await? } else { log };
    let query = json!({ "logs": logs, "leql": { "statement": leql, "during": { "time_range": during } } });
    let start = Request::post(format!("{url}/query/logs")).header(CONTENT_TYPE, "application/json");
    let mut answer: Answer = send(&client, start.body(Full::from(query.to_string()))?).await?;

    loop {
        // While there is a link to itself, a query is not done, whatever the status.
        let next = match (answer.link("self"), answer.link("next")) {
            (Some(itself), _) => {
                if io::stderr().is_terminal() {
                    eprintln!("{}% of the query is done", answer.progress.unwrap_or(0));
                }
                tokio::time::sleep(POLL_INTERVAL).await;
                itself
            }
            (None, next) => {
                answer.print();
                let Some(next) = next else { break };
                next
            }
        };
        answer = send(&client, Request::get(next).body(Full::default())?).await.with_context(|| next.to_owned())?;
    }
    Ok(())
}

async fn all_logs<S>(client: &S, url: &str) -> anyhow::Result<Vec<String>>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = AuthError> + Clone,
{
    #[derive(Deserialize)]
    struct Logs {
        logs: Vec<Log>,
    }
    #[derive(Deserialize)]
    struct Log {
        id: String,
    }
    let list = Request::get(format!("{url}/management/logs")).body(Full::default())?;
    let Logs { logs } = send(client, list).await?;
    Ok(logs.into_iter().map(|log| log.id).collect())
}

/// Sends a request; returns the JSON of an answer that is a success.
async fn send<S, T>(client: &S, request: Request<Full<Bytes>>) -> anyhow::Result<T>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = AuthError> + Clone,
    T: for<'de> Deserialize<'de>,
{
    let (head, body) = client.clone().oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let status = head.status;
    anyhow::ensure!(status.is_success(), "the server answered {status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).context("the answer is not the JSON of a query")
}

/// Creates a client that signs, and waits for rate limits.
fn client(
    url: &str,
    credentials: Credentials,
    other_host: Option<String>,
) -> anyhow::Result<impl Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = AuthError> + Clone> {
    let url: Uri = url.parse().context("the URL cannot be read")?;
    let authority = url.authority().context("the URL has no host")?;
    let mut layer = LogentriesAuthLayer::new(credentials);
    for origin in [Some(format!("{}://{authority}", url.scheme_str().unwrap_or("https"))), other_host].iter().flatten()
    {
        layer = layer.trust_origin(origin)?;
    }
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_all_versions()
        .build();
    Ok(ServiceBuilder::new()
        .layer(RetryLayer::new(LogentriesRetryPolicy::new().attempts(10).max_wait(LONGEST_WAIT)))
        .layer(layer)
        .service(Client::builder(TokioExecutor::new()).build(https)))
}

/// Starts a stand-in on two ports, for the two kinds of hosts: the links of the first lead to the second. Each endpoint
/// takes two requests a second.
async fn start_stand_in() -> anyhow::Result<(String, Credentials, Option<String>)> {
    let credentials = Credentials::read_only("read-only-key")?;
    let (first, second) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let [url, other_host] = [first.local_addr()?, second.local_addr()?].map(|address| format!("http://{address}"));
    let app = stand_in::app(stand_in::Settings {
        links_to: Some(format!("{other_host}/log_search")),
        rate_limit: Some(stand_in::RateLimit { requests: 2, window: Duration::from_secs(1) }),
        ..stand_in::Settings::new(LogentriesVerifyLayer::new(credentials.clone()))
    });
    for listener in [first, second] {
        let app = app.clone();
        tokio::spawn(async { axum::serve(listener, app).await });
    }
    Ok((url, credentials, Some(other_host)))
}
