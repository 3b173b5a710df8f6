//! A client that signs against a server that verifies.

use axum::{Router, body::Body, extract::Request};
use bytes::Bytes;
use http::{Method, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Access, BodyDigest, Identity, LogentriesVerifyLayer};

use crate::support::{
    LOGS, TEAMS, USERS,
    bodies::{Act, Scripted},
    credentials, hyper_client, layer_for,
    server::serve,
};

/// For each access, a request that takes it.
const RESOURCES: [(Method, &str, Access); 3] = [
    (Method::GET, LOGS, Access::ReadOnly),
    (Method::POST, TEAMS, Access::ReadWrite),
    (Method::POST, USERS, Access::Owner),
];

/// Around each edge of a hash block and of a page, and more than one poll hashes.
fn lengths() -> impl Iterator<Item = usize> {
    let edges = [0..=2, 54..=57, 63..=66, 118..=121, 127..=129, 4095..=4097];
    edges.into_iter().flatten().chain([1024 * 1024 + 1])
}

/// A server behind the verifying layer that answers with the body that it got, and with the access that it gave.
async fn echo() -> String {
    let app = Router::new().fallback(|request: Request| async {
        let who = request.extensions().get::<Identity>().cloned().unwrap();
        ([("x-access", who.access.to_string())], request.into_body())
    });
    serve(app.layer(LogentriesVerifyLayer::new(credentials()))).await
}

/// What the server at `origin` answers to a client with the signing layer.
async fn send(origin: &str, request: Request) -> Response<Incoming> {
    layer_for(origin).layer(hyper_client()).oneshot(request).await.unwrap()
}

async fn assert_echoed(response: Response<Incoming>, access: Access, body: impl AsRef<[u8]>) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-access"], access.to_string());
    let echoed = response.into_body().collect().await.unwrap().to_bytes();
    assert!(echoed == body.as_ref(), "{} bytes came back of {}", echoed.len(), body.as_ref().len());
}

#[tokio::test]
async fn bodies_of_every_length() {
    let origin = echo().await;
    for (method, path, access) in RESOURCES {
        for length in lengths() {
            let body: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let request = Request::builder().method(&method).uri(format!("{origin}{path}"));
            let response = send(&origin, request.body(Body::from(body.clone())).unwrap()).await;
            assert_echoed(response, access, &body).await;
        }
    }
}

#[tokio::test]
async fn every_method_with_every_key() {
    let origin = echo().await;
    // CONNECT opens a tunnel and is not for a client with a pool.
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY"] {
        let least = if ["GET", "HEAD"].contains(&method) { Access::ReadOnly } else { Access::ReadWrite };
        for (path, access) in [(LOGS, least), (TEAMS, Access::ReadWrite), (USERS, Access::Owner)] {
            let request = Request::builder().method(method).uri(format!("{origin}{path}?limit=5"));
            let response = send(&origin, request.body(Body::from("a body")).unwrap()).await;
            let echoed = if method == "HEAD" { "" } else { "a body" };
            assert_echoed(response, access, echoed).await;
        }
    }
}

#[tokio::test]
async fn every_resource_with_the_owner_key() {
    let origin = echo().await;
    for (method, path, _) in RESOURCES {
        let request = Request::builder().method(method).uri(format!("{origin}{path}")).extension(Access::Owner);
        assert_echoed(send(&origin, request.body(Body::from("{}")).unwrap()).await, Access::Owner, "{}").await;
    }
}

/// Bodies with the text `one two`, each of another kind.
fn kinds() -> Vec<(&'static str, Body)> {
    let chunks = [Act::Data(b"one"), Act::Data(b" "), Act::Data(b"two")];
    let slow = [Act::Pending, Act::Data(b"one "), Act::Pending, Act::Pending, Act::Data(b"two"), Act::Pending];
    let gaps = [Act::Data(b""), Act::Data(b"one "), Act::Data(b""), Act::Data(b"two"), Act::Data(b"")];
    let stream = futures_util::stream::iter(["one ", "two"].map(Ok::<_, std::io::Error>));
    vec![
        ("in one piece", Body::from("one two")),
        ("in chunks", Body::new(Scripted::new(chunks.clone()))),
        ("in chunks of a known size", Body::new(Scripted::new(chunks).claiming(7))),
        ("slowly", Body::new(Scripted::new(slow))),
        ("with empty frames", Body::new(Scripted::new(gaps))),
        ("as a stream", Body::from_stream(stream)),
    ]
}

#[tokio::test]
async fn every_kind_of_body() {
    let origin = echo().await;
    // Over HTTP/1 hyper's client sends no body of unknown size with a GET.
    for (method, path, access) in RESOURCES.into_iter().filter(|(method, ..)| method == Method::POST) {
        for (kind, body) in kinds() {
            let request = Request::builder().method(&method).uri(format!("{origin}{path}")).body(body).unwrap();
            let response = send(&origin, request).await;
            assert_eq!(response.status(), 200, "{kind}");
            assert_echoed(response, access, "one two").await;
        }
    }
}

#[tokio::test]
async fn stream_passes_only_with_its_own_digest() {
    let origin = echo().await;
    for (digest, status) in [(BodyDigest::of("one two"), 200), (BodyDigest::of("one too"), 401)] {
        for (kind, body) in kinds() {
            let request = Request::post(format!("{origin}{USERS}")).extension(digest).body(body).unwrap();
            assert_eq!(send(&origin, request).await.status(), status, "{kind}");
        }
    }
}

#[tokio::test]
async fn encoded_paths_are_signed_as_sent() {
    let origin = echo().await;
    for path in [
        "/management/accounts/acme",
        "/management/accounts/acme/users/",
        "/management/accounts/acme/users///?limit=5",
        "/management/accounts/z%C3%BCrich/users",
        "/management/accounts/a%2Fb/users",
        "/management/accounts//users/../x",
        "/management/accounts/~!$&'()*+,;=:@/users",
    ] {
        let request = Request::get(format!("{origin}{path}")).extension(Access::Owner).body(Body::empty()).unwrap();
        assert_echoed(send(&origin, request).await, Access::Owner, "").await;
    }
}

#[tokio::test]
async fn signs_and_verifies_over_http2() {
    let origin = echo().await;
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let client = layer_for(&origin).layer(http);
    for (method, path, access) in RESOURCES {
        for (_, body) in kinds() {
            let request = Request::builder().method(&method).uri(format!("{origin}{path}")).body(body).unwrap();
            let response = client.clone().oneshot(request).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_echoed(response, access, "one two").await;
        }
    }
}

#[tokio::test]
async fn identical_requests_in_one_second_pass() {
    let origin = echo().await;
    let client = layer_for(&origin).clock(std::time::SystemTime::now).layer(hyper_client());
    for _ in 0..2 {
        let request = Request::post(format!("{origin}{USERS}")).body(Body::from(Bytes::from_static(b"{}"))).unwrap();
        assert_echoed(client.clone().oneshot(request).await.unwrap(), Access::Owner, "{}").await;
    }
}
