//! Says what is wrong with the signature of a captured request.
//!
//!     export LOGENTRIES_OWNER_API_KEY=...
//!     cargo run --features explain --example explain -- --key-id <the owner key's id> request.http
//!     curl --trace - ... | cargo run --features explain --example explain -- --key-id <the owner key's id>
//!
//! It reads a request of HTTP/1.1, as proxies and logs save it. It also reads what curl writes with `--trace` or
//! `--trace-ascii`, and, without a body, with `--verbose`. If `LOGENTRIES_RW_API_KEY`, `LOGENTRIES_RO_API_KEY` or
//! `LOGENTRIES_PLATFORM_API_KEY` is set, it recognizes a signature that was made with that key by mistake.
//!
//! The exit code is 0 if the signature is valid, 1 if it is not, and 2 if the request cannot be read.

mod capture;

use std::{
    convert::Infallible,
    env, fs,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    BodyDigest, CanonicalRequest, Credentials, LogentriesVerifyLayer, OwnerKey, Rejection,
    explain::{Mistake, explain_with_key_text},
    server::Reason,
};

use crate::capture::Capture;

/// Says what is wrong with the signature of a captured request. The owner key is read from LOGENTRIES_OWNER_API_KEY.
#[derive(Parser)]
struct Arguments {
    /// The id of the owner key.
    #[arg(long, env = "LOGENTRIES_OWNER_API_KEY_ID")]
    key_id: String,
    /// The file that holds the request. Standard input if there is none, or `-`.
    file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("explain: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether the signature is valid.
async fn run(Arguments { key_id, file }: &Arguments) -> anyhow::Result<bool> {
    let key_text = env::var("LOGENTRIES_OWNER_API_KEY").context("LOGENTRIES_OWNER_API_KEY is not set")?;
    let key = OwnerKey::new(key_id, &key_text)?;
    let capture = Capture::parse(&read(file.as_ref())?)?;
    let request = capture.request().await?;

    show(&request, &key);
    let rejection = verify(&request, Credentials::owner(key_id, &key_text)?).await;
    let Some(rejection) = rejection else {
        println!("The signature is valid.");
        return Ok(true);
    };
    let api_keys = ["RW", "RO", "PLATFORM"].map(|name| env::var(format!("LOGENTRIES_{name}_API_KEY")).ok());
    let api_keys: Vec<_> = api_keys.iter().flatten().map(String::as_str).collect();
    let mistakes = explain_with_key_text(&request, key_id, &key_text, &api_keys);
    tell(&rejection, &mistakes, key_id);
    if mistakes.is_empty() && capture.may_lack_bytes() && request.body().contains(&b'.') {
        println!(
            "curl --trace-ascii writes a dot for each byte that it cannot print, newlines among them: try --trace."
        );
    }
    Ok(false)
}

/// Prints what is wrong.
fn tell(rejection: &Rejection, mistakes: &[Mistake], key_id: &str) {
    match rejection.reason() {
        Reason::UnknownKey => println!("The request names another key than {key_id}."),
        Reason::InvalidSignature(_) if mistakes.is_empty() => {
            println!("The signature is invalid, and no usual mistake leads to it.");
            println!("Was it made with another key, or the request changed on its way?");
        }
        Reason::InvalidSignature(_) => println!("The signature is invalid."),
        other => println!("The request is rejected: {other}."),
    }
    for mistake in mistakes {
        println!("- {}: {mistake}", mistake.code());
    }
}

fn read(file: Option<&PathBuf>) -> anyhow::Result<Vec<u8>> {
    let mut captured = Vec::new();
    match file.filter(|file| file.as_os_str() != "-") {
        Some(file) => captured = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
        None => drop(io::stdin().lock().read_to_end(&mut captured).context("cannot read standard input")?),
    }
    Ok(captured)
}

/// Prints what should have been signed, part by part, and the signature of it beside the one that came.
fn show(request: &Request<Bytes>, key: &OwnerKey) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (content_type, date) = (header("content-type"), header("date").unwrap_or_default());
    let digest = BodyDigest::of(request.body());
    let canonical = CanonicalRequest::new(request.method(), request.uri().path(), content_type, date, digest);
    let text = canonical.to_string();
    let before_path = request.method().as_str().len() + content_type.unwrap_or_default().len() + date.len();
    let path = &text[before_path..text.len() - digest.as_str().len()];
    let received = header("authorization-api-key").and_then(|value| value.split_once(':'));

    println!("What is signed, part by part:");
    println!("  method        {}", request.method());
    println!("  Content-Type  {}", content_type.unwrap_or("(none)"));
    println!("  Date          {}", header("date").unwrap_or("(none)"));
    println!("  path          {path}");
    println!("  body's digest {digest} ({} bytes)", request.body().len());
    println!("Canonical string:   {text}");
    println!("Signature received: {}", received.map_or("(none)", |(_, signature)| signature));
    println!("Signature expected: {}", key.sign(&canonical));
}

/// Presents the request to the verifying layer, at the time of its Date.
async fn verify(request: &Request<Bytes>, credentials: Credentials) -> Option<Rejection> {
    let date = request.headers().get("date").and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    let layer = LogentriesVerifyLayer::new(credentials).clock(move || date.unwrap_or(SystemTime::UNIX_EPOCH));
    let accept = service_fn(async |_: Request<Full<Bytes>>| Ok::<_, Infallible>(Response::new(())));
    let request = request.clone().map(Full::new);
    let Ok(response) = layer.layer(accept).oneshot(request).await;
    response.extensions().get().cloned()
}
