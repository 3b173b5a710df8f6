//! Uploads a file of any size in a signed request, in constant memory: it is read once to be hashed, and streamed once
//! more for each attempt and redirect.
//!
//!     cargo run --release --features retry --example upload_file                # 1 GiB made for it, to an embedded server
//!     cargo run --release --features retry --example upload_file -- --mib 64    # the same with 64 MiB
//!     cargo run --release --features retry --example upload_file -- --file big.json
//!     cargo run --release --features retry --example upload_file -- --file big.json --url https://rest.logentries.com/...
//!
//! With `--url` the keys come from the environment: `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`.
//! The embedded server verifies the signature as the body arrives; the crate's own verifying layer would buffer it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use anyhow::Context;
use axum::{Router, body::Body, extract::State, response::Result as Answer};
use clap::Parser;
use futures_util::{TryStreamExt, stream};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;
use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{PolicyExt, Standard, clone_body_fn},
};
use tower_logentries_auth::{
    Access, AuthError, BodyDigest, BodySource, CanonicalRequest, Credentials, LogentriesAuthLayer,
    LogentriesRetryPolicy, OwnerKey, Signature,
};

const KEY_ID: &str = "owner-key-id";
const KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";

/// Uploads a file of any size in a signed request.
#[derive(Parser)]
struct Options {
    /// The file. One of zeros is made for it if there is none.
    #[arg(long)]
    file: Option<PathBuf>,
    /// The size of the file that is made, in MiB.
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// Where to send it, with the owner key in the environment. An embedded server if there is none.
    #[arg(long)]
    url: Option<Uri>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { file, mib, url } = Options::parse();
    match file {
        Some(file) => upload(&file, url).await?,
        None => {
            let file = make_file(mib)?;
            let sent = upload(&file, url).await;
            fs::remove_file(file)?;
            sent?;
        }
    }
    println!("Peak memory of this process, client and server together: {}", peak_memory());
    Ok(())
}

async fn upload(file: &Path, url: Option<Uri>) -> anyhow::Result<()> {
    let (target, credentials) = match url {
        Some(url) => (url, Credentials::from_env()?),
        None => (start_server().await?, Credentials::owner(KEY_ID, KEY)?),
    };
    let size = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    println!("{}, {size} bytes, to {target}", file.display());

    let bar = progress_bar(size, "Hashing");
    let (path, read) = (file.to_owned(), bar.clone());
    let body = BodySource::new(move || open(path.clone(), read.clone())).await.map_err(anyhow::Error::from_boxed)?;
    println!("Hashed in {:.1} s: {}", bar.elapsed().as_secs_f32(), body.digest());

    bar.set_message("Sending");
    let request = Request::put(&target).extension(Access::Owner).extension(body.digest()).body(body)?;
    let client = client(&target, credentials)?;
    let (head, body) = client.oneshot(request).await?.into_parts();
    let answer = body.collect().await?.to_bytes();
    bar.finish();
    println!("Sent in {:.1} s: {} {}", bar.elapsed().as_secs_f32(), head.status, String::from_utf8_lossy(&answer));
    anyhow::ensure!(head.status.is_success(), "the server rejected the upload");
    Ok(())
}

/// Creates a client that follows redirects and retries, both with the body.
fn client(
    target: &Uri,
    credentials: Credentials,
) -> anyhow::Result<impl Service<Request<BodySource>, Response = Response<Incoming>, Error = AuthError>> {
    let authority = target.authority().context("the URL has no host")?;
    let origin = format!("{}://{authority}", target.scheme_str().unwrap_or("https"));
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    let with_body =
        Standard::default().and::<_, BodySource, AuthError>(clone_body_fn(|body: &BodySource| Some(body.clone())));
    Ok(ServiceBuilder::new()
        .layer(FollowRedirectLayer::with_policy(with_body))
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(LogentriesAuthLayer::new(credentials).trust_origin(&origin)?)
        .service(Client::builder(TokioExecutor::new()).build(https)))
}

/// Opens the file anew, and moves the bar from its start as the file is read.
fn open(path: PathBuf, bar: ProgressBar) -> Body {
    bar.reset();
    let file = stream::once(tokio::fs::File::open(path));
    let chunks = file.map_ok(|file| ReaderStream::with_capacity(file, 256 * 1024)).try_flatten();
    Body::from_stream(chunks.inspect_ok(move |chunk| bar.inc(chunk.len() as u64)))
}

/// A bar on standard error, if that is a terminal.
fn progress_bar(size: u64, message: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(size).with_style(style).with_message(message)
}

async fn start_server() -> anyhow::Result<Uri> {
    let app = Router::new().fallback(verify).with_state(OwnerKey::new(KEY_ID, KEY)?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let target = format!("http://{}/management/accounts/acme/users", listener.local_addr()?).parse()?;
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(target)
}

/// Hashes the body as it arrives, keeps none of it, and then checks the signature. It does not look at the date's age.
async fn verify(State(key): State<OwnerKey>, request: Request<Body>) -> Answer<String> {
    let (head, mut body) = request.into_parts();
    let (mut sha256, mut size) = (Sha256::new(), 0);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() {
            sha256.update(&data);
            size += data.len();
        }
    }
    let digest = BodyDigest::from_sha256(sha256.finalize().into());
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (content_type, date) = (text("content-type"), text("date").unwrap_or_default());
    let canonical = CanonicalRequest::new(&head.method, head.uri.path(), content_type, date, digest);
    let signature = text("authorization-api-key")
        .and_then(|credential| credential.strip_prefix(KEY_ID)?.strip_prefix(':'))
        .and_then(|text| text.parse::<Signature>().ok())
        .ok_or(StatusCode::UNAUTHORIZED)?;
    match key.verify(&canonical, &signature) {
        true => Ok(format!("{size} bytes, and the signature is good")),
        false => Err(StatusCode::UNAUTHORIZED.into()),
    }
}

/// A file of zeros, which takes no space on most disks.
fn make_file(mib: u64) -> io::Result<PathBuf> {
    let path = env::temp_dir().join(format!("upload_file-{}", process::id()));
    fs::File::create(&path)?.set_len(mib * 1024 * 1024)?;
    Ok(path)
}

fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "not told by this system".to_owned(), |peak| peak.trim().to_owned())
}
