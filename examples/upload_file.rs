//! A file of any size in a signed request, in constant memory: it is hashed in one pass and streamed in a second.
//!
//!     cargo run --release --example upload_file                      # 1 GiB made for it, to an embedded server
//!     cargo run --release --example upload_file -- --mib 64          # the same with 64 MiB
//!     cargo run --release --example upload_file -- --file big.json
//!     cargo run --release --example upload_file -- --file big.json --url https://rest.logentries.com/management/...
//!
//! With `--url` the keys come from the environment: `LOGENTRIES_OWNER_API_KEY_ID` and `LOGENTRIES_OWNER_API_KEY`.
//! The embedded server checks the signature as the body arrives, where the crate's own verifying layer would buffer it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    time::Instant,
};

use axum::{Router, body::Body, extract::State, response::Result as Answer};
use bytes::BytesMut;
use futures_util::stream;
use http::{Request, StatusCode, Uri, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{
    Access, BodyDigest, CanonicalRequest, Credentials, LogentriesAuthLayer, OwnerKey, Signature,
};

const KEY_ID: &str = "owner-key-id";
const KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (mut given, mut mib, mut url) = (None, 1024, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} takes a value"))?;
        match &*argument {
            "--file" => given = Some(PathBuf::from(value)),
            "--mib" => mib = value.parse()?,
            "--url" => url = Some(value),
            _ => return Err(format!("{argument} is none of --file, --mib and --url").into()),
        }
    }
    match given {
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

async fn upload(file: &Path, url: Option<String>) -> Result<(), BoxError> {
    let (target, credentials) = match url {
        Some(url) => (url.parse()?, Credentials::from_env()?),
        None => (start_server().await?, Credentials::owner(KEY_ID, KEY)?),
    };
    let size = fs::metadata(file)?.len();
    println!("{}, {size} bytes, to {target}", file.display());

    let start = Instant::now();
    let opened = fs::File::open(file)?;
    let digest = tokio::task::spawn_blocking(|| BodyDigest::from_reader(opened)).await??;
    println!("Hashed in {:.1} s: {digest}", start.elapsed().as_secs_f32());

    let start = Instant::now();
    // With a digest beside it the body streams; with its size it does so in one piece, not in HTTP chunks.
    let request = Request::put(&target)
        .header(CONTENT_LENGTH, size)
        .extension(Access::Owner)
        .extension(digest)
        .body(stream_file(tokio::fs::File::open(file).await?))?;
    let origin = format!("{}://{}", target.scheme_str().unwrap_or("https"), target.authority().ok_or("no host")?);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    let client = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials).trust_origin(&origin)?)
        .service(Client::builder(TokioExecutor::new()).build(https));
    let (head, body) = client.oneshot(request).await?.into_parts();
    let answer = body.collect().await?.to_bytes();
    println!("Sent in {:.1} s: {} {}", start.elapsed().as_secs_f32(), head.status, String::from_utf8_lossy(&answer));
    head.status.is_success().then_some(()).ok_or_else(|| "the server refused the upload".into())
}

/// The file in pieces of 64 KiB, each read when there is room for it.
fn stream_file(file: tokio::fs::File) -> Body {
    Body::from_stream(stream::try_unfold(file, async |mut file: tokio::fs::File| {
        let mut piece = BytesMut::with_capacity(64 * 1024);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), file)))
    }))
}

async fn start_server() -> Result<Uri, BoxError> {
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
