//! The script from Rapid7's authentication guide: signs one request, shows what is sent, and sends it.
//!
//!     cargo run --example gen_signature -- --dry-run <api_key> <api_key_id> GET management/accounts/<account> ''
//!
//! The owner key is neither printed nor sent. As in the guide, it is an argument, and other users of the machine may
//! see the arguments of a command: a program of your own should read it from elsewhere.

use std::{convert::Infallible, env, ffi::OsString, process::ExitCode, time::SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{Access, BodyDigest, CanonicalRequest, Credentials, LogentriesAuthLayer};

const USAGE: &str = "\
usage: gen_signature [--dry-run] [--date DATE] [--url BASE] <api_key> <api_key_id> <method> <uri> <body>

  <api_key>    the owner key, which signs and is not sent
  <api_key_id> the id of the owner key
  <uri>        the path, such as management/accounts/ACCOUNT/users, and perhaps a query
  <body>       the body, '' where there is none
  --dry-run    show what would be sent, and send nothing
  --date       the date to sign, such as 'Thu, 17 Aug 2017 20:16:24 GMT', instead of the current one
  --url        the origin to send it to, instead of https://rest.logentries.com";

#[tokio::main]
async fn main() -> ExitCode {
    let job = match Arguments::parse(env::args_os().skip(1)).and_then(Job::new) {
        Ok(job) => job,
        Err(problem) => {
            eprintln!("gen_signature: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match job.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("gen_signature: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    is_dry_run: bool,
    date: Option<String>,
    url: Option<String>,
    positional: Vec<String>,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = OsString>) -> Result<Self, BoxError> {
        let mut next = || given.next().map(OsString::into_string).transpose().map_err(|_| "an argument is not UTF-8");
        let mut arguments = Self { is_dry_run: false, date: None, url: None, positional: Vec::new() };
        while let Some(argument) = next()? {
            match argument.as_str() {
                "--dry-run" => arguments.is_dry_run = true,
                "--date" => arguments.date = Some(next()?.ok_or("--date takes a date")?),
                "--url" => arguments.url = Some(next()?.ok_or("--url takes an origin")?),
                option if option.starts_with("--") => return Err(format!("there is no option {option}").into()),
                _ => arguments.positional.push(argument),
            }
        }
        Ok(arguments)
    }
}

/// A request, and what is done with it.
struct Job {
    layer: LogentriesAuthLayer,
    request: Request<Full<Bytes>>,
    digest: BodyDigest,
    is_dry_run: bool,
}

impl Job {
    fn new(Arguments { is_dry_run, date, url, positional }: Arguments) -> Result<Self, BoxError> {
        let count = positional.len();
        let [api_key, api_key_id, method, uri, body] =
            positional.try_into().map_err(|_| format!("5 arguments are needed, and {count} given"))?;
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return Err("<uri> is a path; where it is sent is what --url says".into());
        }
        let date = match date {
            Some(date) => httpdate::parse_http_date(&date).map_err(|_| "--date takes a date in the form of HTTP")?,
            None => SystemTime::now(),
        };
        let base = url.as_deref().unwrap_or("https://rest.logentries.com").trim_end_matches('/');
        let uri = format!("{base}/{}", uri.strip_prefix('/').unwrap_or(&uri));

        let layer = LogentriesAuthLayer::new(Credentials::owner(&api_key_id, &api_key)?)
            .trust_origin(base)?
            .access(|_, _| Access::Owner)
            .clock(move || date);
        let digest = BodyDigest::of(&body);
        let request = Request::builder().method(&*method).uri(uri).body(Full::from(body))?;
        Ok(Self { layer, request, digest, is_dry_run })
    }

    async fn run(self) -> Result<(), BoxError> {
        let Self { layer, request, digest, is_dry_run } = self;
        let signed = ServiceBuilder::new().layer(layer).map_request(move |request| show(request, digest));
        if is_dry_run {
            let nowhere = tower::service_fn(|_| async { Ok::<_, Infallible>(Response::new(())) });
            signed.service(nowhere).oneshot(request).await?;
            return Ok(());
        }
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(https);
        let (head, body) = signed.service(client).oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        println!("{}\n{}", head.status, String::from_utf8_lossy(&body));
        match head.status.is_success() {
            true => Ok(()),
            false => Err(format!("the server answered {}", head.status).into()),
        }
    }
}

/// Shows a request as it left the layer: the string that was signed, and what is sent.
fn show(request: Request<Full<Bytes>>, digest: BodyDigest) -> Request<Full<Bytes>> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let date = header("date").unwrap_or_default();
    let canonical = CanonicalRequest::new(request.method(), target, header("content-type"), date, digest);
    println!("canonical string: {canonical}\n\n{} {}", request.method(), request.uri());
    for (name, value) in request.headers() {
        println!("{name}: {}", value.to_str().unwrap_or_default());
    }
    println!();
    request
}
