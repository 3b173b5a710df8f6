//! Signs one request like the script of Rapid7's authentication guide: shows what is sent, and sends it.
//!
//!     cargo run --example gen_signature -- <api_key> <api_key_id> GET management/accounts/<account> ''
//!     cargo run --example gen_signature -- --dry-run <api_key> <api_key_id> GET management/accounts/<account> ''
//!
//! The owner key is neither printed nor sent. As in the guide it is an argument, which other users of the machine may see
//! in the list of processes: a program of your own should read it from elsewhere.

use std::time::SystemTime;

use bytes::Bytes;
use clap::{CommandFactory, Parser, error::ErrorKind};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower_logentries_auth::{Access, BodyDigest, CanonicalRequest, Credentials, LogentriesAuthLayer};

/// Signs a request with an owner key, shows it, and sends it.
#[derive(Parser)]
struct Options {
    /// The owner key, which signs and is not sent.
    api_key: String,
    /// The id of the owner key.
    api_key_id: String,
    method: Method,
    /// The path, such as management/accounts/ACCOUNT/users, and optionally a query.
    #[arg(value_parser = path)]
    uri: String,
    /// The body, or '' for none.
    #[arg(allow_hyphen_values = true)]
    body: String,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// The date to sign, such as 'Thu, 17 Aug 2017 20:16:24 GMT', instead of the current one.
    #[arg(long, value_parser = httpdate::parse_http_date)]
    date: Option<SystemTime>,
    /// The origin to send it to.
    #[arg(long, default_value = "https://rest.logentries.com")]
    url: String,
}

/// Checks that this is a path, without its leading slash.
fn path(uri: &str) -> Result<String, &'static str> {
    match uri.starts_with("http://") || uri.starts_with("https://") {
        true => Err("it is a path: name the origin with --url"),
        false => Ok(uri.strip_prefix('/').unwrap_or(uri).to_owned()),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let job = Job::new(Options::parse()).unwrap_or_else(|error| {
        // As for arguments that clap rejects itself. Its own message would repeat the key.
        Options::command().error(ErrorKind::ValueValidation, format!("{error:#}")).exit()
    });
    job.run().await
}

/// A request that is authenticated.
struct Job {
    request: Request<Bytes>,
    dry_run: bool,
}

impl Job {
    fn new(options: Options) -> anyhow::Result<Self> {
        let Options { api_key, api_key_id, method, uri, body, dry_run, date, url } = options;
        let date = date.unwrap_or_else(SystemTime::now);
        let origin = url.trim_end_matches('/');
        let layer = LogentriesAuthLayer::new(Credentials::owner(&api_key_id, &api_key)?)
            .trust_origin(origin)?
            .access(|_, _| Some(Access::Owner))
            .clock(move || date);
        let request = Request::builder().method(method).uri(format!("{origin}/{uri}")).body(Bytes::from(body))?;
        Ok(Self { request: layer.authenticate(request)?, dry_run })
    }

    async fn run(self) -> anyhow::Result<()> {
        show(&self.request);
        if self.dry_run {
            return Ok(());
        }
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(https);
        let (head, body) = client.request(self.request.map(Full::new)).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        println!("{}\n{}", head.status, String::from_utf8_lossy(&body));
        anyhow::ensure!(head.status.is_success(), "the server answered {}", head.status);
        Ok(())
    }
}

/// Shows the string that was signed, and what is sent.
fn show(request: &Request<Bytes>) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (content_type, date) = (header("content-type"), header("date").unwrap_or_default());
    let digest = BodyDigest::of(request.body());
    let canonical = CanonicalRequest::new(request.method(), request.uri().path(), content_type, date, digest);
    println!("canonical string: {canonical}\n\n{} {}", request.method(), request.uri());
    for (name, value) in request.headers() {
        println!("{name}: {}", value.to_str().unwrap_or_default());
    }
    println!();
}
