//! What signing costs a hyper client, end to end: the throughput with the layer over that with the leanest signer, and over
//! that with the two headers of a signature set to constants.

use std::{
    convert::Infallible,
    task::{Context, Waker},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, Response, header::DATE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tower::{Service, ServiceBuilder};
use tower_logentries_auth::LogentriesAuthLayer;

use crate::support::{
    USERS, credentials,
    leanest::Leanest,
    turns::{rounds, spread, take_turns},
};

/// Times and prints everything.
pub(crate) fn run(runtime: &Runtime) {
    let rounds = rounds();
    let origin = runtime.block_on(serve());
    println!(
        "client: throughput with the layer over that of others, median of {rounds} interleaved rounds (quartiles)"
    );
    for (method, body) in [("GET", &b""[..]), ("POST", b"{\"user\":{}}")] {
        for (in_flight, requests) in [(1, 300), (64, 2_000)] {
            let uri = format!("{origin}/{USERS}");
            let request = Request::builder().method(method).uri(uri).body(Full::from(body)).expect("a request");
            let times = time(runtime, &origin, &request, in_flight, requests, rounds);
            for (place, goal) in
                [("constant headers", "goal: 0.94"), ("leanest signer", "goal: 0.98")].iter().enumerate()
            {
                let ratios = spread(times.iter().map(|times| times[place].div_duration_f64(times[2])));
                let name = format!("{method}, {in_flight} in flight");
                println!("{name:<22} {:<18} {ratios}   {}", goal.0, goal.1);
            }
        }
    }
}

/// The time of each client in each round: with constant headers, with the leanest signer, and with the layer.
fn time(
    runtime: &Runtime,
    origin: &str,
    request: &Request<Full<Bytes>>,
    in_flight: usize,
    requests: usize,
    rounds: usize,
) -> Vec<[Duration; 3]> {
    let http: Client<HttpConnector, Full<Bytes>> =
        runtime.block_on(async { Client::builder(TokioExecutor::new()).build_http() });
    let layer = LogentriesAuthLayer::new(credentials()).trust_origin(origin).expect("an origin");
    let mut constant = ServiceBuilder::new().map_request(set_constants).service(http.clone());
    let mut leanest = Leanest::new(http.clone(), SystemTime::now);
    let mut signed = ServiceBuilder::new().layer(layer).service(http);
    take_turns(rounds, |client| {
        runtime.block_on(async {
            match client {
                0 => send(&mut constant, request, requests, in_flight).await,
                1 => send(&mut leanest, request, requests, in_flight).await,
                _ => send(&mut signed, request, requests, in_flight).await,
            }
        })
    })
}

/// The time that so many requests take.
async fn send<S>(client: &mut S, request: &Request<Full<Bytes>>, requests: usize, in_flight: usize) -> Duration
where
    S: Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error: std::fmt::Debug>,
{
    let started = Instant::now();
    let answers = stream::iter(0..requests).map(|_| {
        // hyper's client always is.
        assert!(client.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        client.call(request.clone())
    });
    let mut answers = answers.buffer_unordered(in_flight);
    while let Some(answer) = answers.next().await {
        answer.expect("an answer").into_body().collect().await.expect("a body");
    }
    started.elapsed()
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

/// Headers as long as a signature's.
fn set_constants(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let credential = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f:KrbQUM4odYud5jRIABUWBXm1N40=";
    request.headers_mut().insert("authorization-api-key", HeaderValue::from_static(credential));
    request.headers_mut().insert(DATE, HeaderValue::from_static("Thu, 17 Aug 2017 20:16:24 GMT"));
    request
}
