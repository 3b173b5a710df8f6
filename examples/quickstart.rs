//! Sends requests through the signing layer to a server behind the verifying layer, and prints what goes over the wire.
//!
//!     cargo run --example quickstart
//!
//! The server is embedded and listens on 127.0.0.1. Nothing leaves this machine.

use axum::{
    Json, Router,
    body::Body,
    routing::{get, post},
};
use http::{HeaderName, Request, Response, header::DATE};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{
    AUTHORIZATION_API_KEY, AuthError, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer, X_API_KEY,
};

const LOGS: &str = "/management/logs";
const USERS: &str = "/management/accounts/acme/users";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Both sides hold the same keys. The owner key itself is never sent.
    let credentials = Credentials::owner("owner-key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?
        .with_read_only("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")?;

    let server = start_server(credentials.clone()).await?;
    println!("A server that checks keys and signatures listens on {server}\n");

    // All that a client needs is one layer around its existing service.
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(&server)?;
    let http: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let client = ServiceBuilder::new().layer(layer.clone()).map_request(show).service(http.clone());

    println!("1. Reading logs requires the read-only key:");
    let request = Request::get(format!("{server}{LOGS}")).body(Body::empty())?;
    send(client.clone(), request).await?;

    println!("2. Reading users requires the owner's signature:");
    let request = Request::get(format!("{server}{USERS}")).body(Body::empty())?;
    send(client.clone(), request).await?;

    println!("3. So does adding a user, and the signature covers the body:");
    let user = json!({ "user": { "email": "john@smyth.com" } }).to_string();
    let request = Request::post(format!("{server}{USERS}")).body(Body::from(user.clone()))?;
    send(client, request).await?;

    println!("4. The same, but someone on the way turns john into eve:");
    let tampered = ServiceBuilder::new().layer(layer).map_request(tamper).map_request(show).service(http);
    let request = Request::post(format!("{server}{USERS}")).body(Body::from(user))?;
    send(tampered, request).await
}

/// Starts a server behind the verifying layer; returns its origin.
async fn start_server(credentials: Credentials) -> anyhow::Result<String> {
    let app = Router::new()
        .route(LOGS, get(|| async { Json(json!({ "logs": ["web", "db"] })) }))
        .route(USERS, get(|| async { Json(json!({ "users": ["jane@smyth.com"] })) }))
        .route(USERS, post(|user: Json<Value>| async move { Json(json!({ "added": user["user"]["email"] })) }))
        .layer(LogentriesVerifyLayer::new(credentials));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(origin)
}

async fn send<S>(client: S, request: Request<Body>) -> anyhow::Result<()>
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = AuthError>,
{
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("   < {status}  {}\n", String::from_utf8_lossy(&body));
    Ok(())
}

/// Prints what goes over the wire.
fn show(request: Request<Body>) -> Request<Body> {
    println!("   > {} {}", request.method(), request.uri().path());
    for name in [X_API_KEY, DATE, AUTHORIZATION_API_KEY] {
        if let Some(value) = header(&request, &name) {
            println!("   > {name}: {value}");
        }
    }
    request
}

fn header<'a>(request: &'a Request<Body>, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// Changes the body after it was signed.
fn tamper(request: Request<Body>) -> Request<Body> {
    request.map(|_| Body::from(json!({ "user": { "email": "eve@smyth.com" } }).to_string()))
}
