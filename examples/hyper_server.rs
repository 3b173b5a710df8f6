//! A plain hyper server behind the verifying layer, without axum.
//!
//!     LOGENTRIES_RO_API_KEY=secret cargo run --example hyper_server -- 127.0.0.1:8080
//!     curl -H 'x-api-key: secret' http://127.0.0.1:8080/management/logs
//!
//! It accepts the keys in the environment, as `Credentials::from_env` reads them, and answers with who sent what.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, service_fn};
use tower_logentries_auth::{BufferedBody, Credentials, Identity, LogentriesVerifyLayer};

/// Serves what the keys in the environment open.
#[derive(Parser)]
struct Options {
    /// The address to listen on. A free port by default.
    #[arg(default_value = "127.0.0.1:0")]
    listen: String,
}

/// What the service gets: hyper's own body, boxed, or one that the layer has read.
type Body = BoxBody<Bytes, hyper::Error>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { listen } = Options::parse();
    let service = ServiceBuilder::new()
        // Nothing can rebuild an `Incoming`, so it is boxed before the layer reads it.
        .map_request(|request: Request<Incoming>| request.map(BodyExt::boxed))
        .layer(LogentriesVerifyLayer::new(Credentials::from_env()?).rebuild_body(BufferedBody::boxed))
        .service(service_fn(answer));

    let listener = TcpListener::bind(&listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("Listening on http://{}", listener.local_addr()?);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()); // for hyper to close connections that send no request
    loop {
        let stream = TokioIo::new(accept(&listener).await);
        let connection = http.serve_connection(stream, TowerToHyperService::new(service.clone())).into_owned();
        tokio::spawn(async {
            if let Err(error) = connection.await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await; // too many open files, perhaps
            }
        }
    }
}

/// Answers a request that was verified.
async fn answer(request: Request<Body>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let access = head.extensions.get::<Identity>().map(|identity| identity.access);
    let access = access.map_or_else(|| "no".to_owned(), |access| access.to_string());
    let len = body.collect().await?.to_bytes().len();
    Ok(Response::new(format!("{} {} with {len} bytes, {access} access\n", head.method, head.uri.path()).into()))
}
