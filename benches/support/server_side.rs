//! What verifying costs an axum server, end to end: the time of a request with the layer over that without.

use std::time::{Duration, Instant, SystemTime};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::any,
};
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, Request, StatusCode, header::DATE};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, runtime::Runtime};
use tower_logentries_auth::{
    BodyDigest, CanonicalRequest, Credentials, LogentriesVerifyLayer, OwnerKey, replay::RejectReplaysLayer,
};

use crate::support::turns::{rounds, spread, take_turns};

const ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
const OWNER_KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";
const READ_ONLY_KEY: &str = "5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e";

/// How many servers `serve_all` starts.
const SERVERS: usize = if cfg!(feature = "cache") { 4 } else { 3 };

type Http = Client<HttpConnector, Body>;
type Servers = Vec<(&'static str, String)>;
type MakeRequest = fn(&str, &OwnerKey, u64) -> Request<Body>;

/// Times and prints everything.
pub(crate) fn run(runtime: &Runtime) {
    let rounds = rounds();
    let servers = runtime.block_on(serve_all());
    println!(
        "\nserver: time of a request over that without the layer, median of {rounds} interleaved rounds (quartiles)"
    );
    for (name, request) in [("GET with an API key", get as MakeRequest), ("signed POST of 11 bytes", post)] {
        for (in_flight, requests) in [(1, 300), (64, 2_000)] {
            let times = time(runtime, &servers, request, in_flight, requests, rounds);
            print_ratios(&format!("{name}, {in_flight} in flight"), &servers, &times);
        }
    }
}

/// The time of each server in each round.
fn time(
    runtime: &Runtime,
    servers: &Servers,
    request: MakeRequest,
    in_flight: usize,
    requests: u64,
    rounds: usize,
) -> Vec<[Duration; SERVERS]> {
    let http: Http = runtime.block_on(async { Client::builder(TokioExecutor::new()).build_http() });
    let key = OwnerKey::new(ID, OWNER_KEY).expect("a good key");
    // No number occurs twice, so no path and no signature does.
    let mut first = in_flight as u64 * 1_000 * requests;
    take_turns(rounds, |server| {
        let made = (first..first + requests).map(|number| request(&servers[server].1, &key, number)).collect();
        first += requests;
        runtime.block_on(send(&http, made, in_flight))
    })
}

async fn serve_all() -> Servers {
    let app = || Router::new().route("/management/{*path}", any(|_: Bytes| async {}));
    let credentials = || {
        let credentials = Credentials::owner(ID, OWNER_KEY).and_then(|keys| keys.with_read_only(READ_ONLY_KEY));
        credentials.expect("good keys")
    };
    let mut servers = vec![
        ("bare", serve(app()).await),
        ("layer", serve(app().layer(LogentriesVerifyLayer::new(credentials()))).await),
    ];
    let guarded = app().layer(RejectReplaysLayer::default()).layer(LogentriesVerifyLayer::new(credentials()));
    servers.push(("layer, replay guard", serve(guarded).await));
    #[cfg(feature = "cache")]
    {
        let cached = tower_logentries_auth::verify::CachedKeyStore::new(credentials());
        servers.push(("layer, cached store", serve(app().layer(LogentriesVerifyLayer::new(cached))).await));
    }
    servers
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, app).await });
    origin
}

fn get(origin: &str, _: &OwnerKey, number: u64) -> Request<Body> {
    let request = Request::get(format!("{origin}/management/logs/{number}")).header("x-api-key", READ_ONLY_KEY);
    request.body(Body::empty()).expect("a request")
}

fn post(origin: &str, key: &OwnerKey, number: u64) -> Request<Body> {
    let (path, body) = (format!("/management/accounts/7/users/{number}"), "{\"user\":{}}");
    let (date, json) = (httpdate::fmt_http_date(SystemTime::now()), "application/json");
    let signature = key.sign(&CanonicalRequest::new(&Method::POST, &path, Some(json), &date, BodyDigest::of(body)));
    let request = Request::post(format!("{origin}{path}")).header("content-type", HeaderValue::from_static(json));
    let request = request.header(DATE, date).header("authorization-api-key", format!("{ID}:{signature}"));
    request.body(Body::from(body)).expect("a request")
}

/// The time until all of them are answered.
async fn send(http: &Http, requests: Vec<Request<Body>>, in_flight: usize) -> Duration {
    let started = Instant::now();
    let answers = stream::iter(requests).map(|request| http.request(request));
    let mut answers = answers.buffer_unordered(in_flight);
    while let Some(answer) = answers.next().await {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.expect("a body");
    }
    started.elapsed()
}

fn print_ratios(name: &str, servers: &Servers, rounds: &[[Duration; SERVERS]]) {
    for (server, (variant, _)) in servers.iter().enumerate().skip(1) {
        let ratios = spread(rounds.iter().map(|times| times[server].div_duration_f64(times[0])));
        println!("{name:<42} {variant:<22} {ratios}");
    }
}
