//! What the layers cost a client and a server: over loopback, with 1 and with 64 requests in flight, an empty GET and a
//! POST of 11 bytes.
//!
//!     cargo bench --all-features --bench end_to_end              # both sides
//!     cargo bench --all-features --bench end_to_end -- server    # the server's alone
//!
//! The server's side is in `support/server_side.rs`. The client is timed bare, with the two headers of a signature set to constants, and with the layer. Printed at the end
//! is what share of the throughput with constant headers the layer keeps.

#[path = "support/ratio.rs"]
mod ratio;
#[path = "support/server_side.rs"]
mod server_side;

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::Criterion;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, Response, header::DATE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

use ratio::print_ratio;

const ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
const USERS: &str = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users";

type Http = Client<HttpConnector, Full<Bytes>>;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new().expect("a runtime");
    if std::env::args().any(|argument| argument == "server") {
        return server_side::run(&runtime);
    }
    let origin = runtime.block_on(serve());
    let http: Http = runtime.block_on(async { Client::builder(TokioExecutor::new()).build_http() });
    let credentials = Credentials::owner(ID, "7f7c461f-2e71-4d50-8cdf-06c11ee67789").expect("a key");
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(&origin).expect("an origin");
    let constant = ServiceBuilder::new().map_request(set_constants).service(http.clone());
    let signed = ServiceBuilder::new().layer(layer).service(http.clone());

    let cases = [("GET", 1), ("GET", 64), ("POST", 1), ("POST", 64)];
    let cases = cases.map(|(method, in_flight)| (method, in_flight, format!("{method}, {in_flight} in flight")));
    for (method, in_flight, name) in &cases {
        let uri = format!("{origin}/{USERS}");
        let body = if *method == "GET" { Full::default() } else { Full::from(&b"{\"user\":{}}"[..]) };
        let request = Request::builder().method(*method).uri(uri).body(body).expect("a request");
        let mut group = criterion.benchmark_group(name);
        let mut time = |function, send: &dyn Fn(u64) -> Duration| {
            group.bench_function(function, |bencher| bencher.iter_custom(send));
        };
        time("bare", &|n| runtime.block_on(send(http.clone(), &request, n, *in_flight)));
        time("constant headers", &|n| runtime.block_on(send(constant.clone(), &request, n, *in_flight)));
        time("layer", &|n| runtime.block_on(send(signed.clone(), &request, n, *in_flight)));
    }
    criterion.final_summary();
    for (_, _, name) in &cases {
        print_ratio(name, "constant headers", "layer", "goal: 0.95 at least");
    }
    server_side::run(&runtime);
}

/// Starts a server that answers everything with nothing.
async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    origin
}

/// The time that `n` requests take.
async fn send<S>(client: S, request: &Request<Full<Bytes>>, n: u64, in_flight: usize) -> Duration
where
    S: Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error: std::fmt::Debug> + Clone,
{
    let started = Instant::now();
    let answers = stream::iter(0..n).map(|_| client.clone().oneshot(request.clone()));
    let mut answers = answers.buffer_unordered(in_flight);
    while let Some(answer) = answers.next().await {
        answer.expect("an answer").into_body().collect().await.expect("a body");
    }
    started.elapsed()
}

/// Headers as long as a signature's.
fn set_constants(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let credential = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f:KrbQUM4odYud5jRIABUWBXm1N40=";
    request.headers_mut().insert("authorization-api-key", HeaderValue::from_static(credential));
    request.headers_mut().insert(DATE, HeaderValue::from_static("Thu, 17 Aug 2017 20:16:24 GMT"));
    request
}
