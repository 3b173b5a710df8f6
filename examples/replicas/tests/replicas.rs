//! Two replicas, as processes, and a real Redis or Valkey server between them.

use std::{convert::Infallible, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use axum::{
    body::Body,
    http::{Request, Response, Uri},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

const USERS: &str = "/management/accounts/acme/users";
const OWNER_KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";

/// A Redis or Valkey server without persistence. It is killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(port: u16) -> Result<Self> {
        let spawn = |program| {
            let mut command = Command::new(program);
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            command.stdout(Stdio::null()).kill_on_drop(true).spawn()
        };
        let child = spawn("redis-server").or_else(|_| spawn("valkey-server"));
        let child = child.context("this test needs redis-server or valkey-server: install either")?;
        let up = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), up).await.context("the server did not start")?;
        Ok(Self { child, port })
    }

    async fn stop(mut self) -> Result<u16> {
        self.child.kill().await?;
        Ok(self.port)
    }
}

struct Service {
    replicas: Vec<(Child, String)>,
    client: Client<HttpConnector, Body>,
    /// Removed when dropped.
    _directory: Directory,
}

struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Service {
    /// Starts two replicas with one key in their database.
    async fn start(redis_port: u16) -> Result<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replicas-{redis_port}"));
        std::fs::create_dir_all(&directory)?;
        let database = format!("sqlite:{}?mode=rwc", directory.join("keys.db").display());
        let replica = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_replicas"));
            command.args(arguments).env("DATABASE_URL", &database).env("OWNER_KEY", OWNER_KEY).kill_on_drop(true);
            command
        };
        let added = replica(&["add-owner-key", "acme", "key-id"]).status().await?;
        ensure!(added.success(), "the key was not added");
        let mut replicas = Vec::new();
        for _ in 0..2 {
            let url = format!("redis://127.0.0.1:{redis_port}");
            let mut serve = replica(&["serve", "--listen", "127.0.0.1:0", "--redis-url", &url]);
            let mut child = serve.stdout(Stdio::piped()).spawn()?;
            let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
            let line = timeout(Duration::from_secs(20), lines.next_line()).await??.context("the replica ended")?;
            replicas.push((child, line.trim_start_matches("listening on ").to_owned()));
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { replicas, client, _directory: Directory(directory) })
    }

    /// Sends a request to a replica, and returns the status.
    async fn send(&self, replica: usize, request: &Request<String>) -> Result<u16> {
        let mut request = request.clone().map(Body::from);
        *request.uri_mut() = format!("{}{USERS}", self.replicas[replica].1).parse::<Uri>()?;
        let sent = timeout(Duration::from_secs(20), self.client.request(request));
        Ok(sent.await.context("no answer")??.status().as_u16())
    }
}

/// A signed request, as one would capture it.
async fn signed(method: &str, body: &str) -> Result<Request<String>> {
    let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", OWNER_KEY)?);
    let capture = layer.layer(service_fn(async |request| Ok::<_, Infallible>(Response::new(request))));
    let request = Request::builder().method(method).uri(format!("https://rest.logentries.com{USERS}"));
    let (mut head, body) = capture.oneshot(request.body(Body::from(body.to_owned()))?).await?.into_body().into_parts();
    head.headers.remove("content-length");
    Ok(Request::from_parts(head, String::from_utf8(axum::body::to_bytes(body, 1024).await?.into())?))
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

#[tokio::test]
async fn one_of_a_thousand_copies_passes_on_two_replicas() -> Result<()> {
    let server = Server::start(free_port().await?).await?;
    let service = Service::start(server.port).await?;
    let request = signed("POST", "a user").await?;
    let copies = stream::iter(0..1_000).map(|n| service.send(n % 2, &request)).buffer_unordered(64);
    let mut statuses: Vec<u16> = copies.try_collect().await?;
    statuses.sort_unstable();
    assert_eq!((statuses.len(), statuses[0], statuses[1], statuses[999]), (1_000, 200, 401, 401));
    Ok(())
}

#[tokio::test]
async fn without_the_server_nothing_unsafe_passes_and_with_it_service_resumes() -> Result<()> {
    let server = Server::start(free_port().await?).await?;
    let service = Service::start(server.port).await?;
    let captured = signed("POST", "before").await?;
    assert_eq!(service.send(0, &captured).await?, 200);
    assert_eq!(service.send(1, &captured).await?, 401);

    let port = server.stop().await?;
    for n in 0..20 {
        let request = signed("POST", &format!("during {n}")).await?;
        assert_eq!(service.send(n % 2, &request).await?, 503);
        assert_eq!(service.send(n % 2, &captured).await?, 503);
        assert_eq!(service.send(n % 2, &signed("GET", "").await?).await?, 200);
    }

    let _server = Server::start(port).await?;
    for replica in 0..2 {
        let resumed = async {
            for n in 0.. {
                let request = signed("POST", &format!("after, {replica} {n}")).await?;
                match service.send(replica, &request).await? {
                    503 => sleep(Duration::from_millis(50)).await,
                    status => return Ok(status),
                }
            }
            unreachable!("the loop has no end")
        };
        let status: Result<u16> = timeout(Duration::from_secs(20), resumed).await.context("service did not resume")?;
        assert_eq!(status?, 200);
    }
    // A server without persistence has forgotten everything: what was captured within the window passes once more.
    assert_eq!([service.send(0, &captured).await?, service.send(1, &captured).await?], [200, 401]);
    Ok(())
}
