//! Targets without an authority, as a bare hyper connection takes them.

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{Layer, Service, ServiceExt, buffer::Buffer, service_fn};
use tower_logentries_auth::{Access, AuthError};

use crate::support::{LOGS, READ_ONLY_KEY, USERS, layer, layer_for, server};

/// One HTTP/1 connection. hyper's own handle is no tower service, and can't be cloned.
async fn connect(
    origin: &str,
) -> impl Service<Request<Body>, Response = Response<Incoming>, Error = tower::BoxError, Future: Send> + Clone + use<> {
    let stream = TcpStream::connect(origin.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Buffer::new(service_fn(move |request| sender.send_request(request)), 4)
}

fn request(target: &str, host: &str) -> Request<Body> {
    Request::post(target).extension(Access::Owner).header("host", host).body(Body::from("a body")).unwrap()
}

#[tokio::test]
async fn assumed_origin_allows_relative_uris() {
    let (origin, recording) = server::record().await;
    let host = origin.strip_prefix("http://").unwrap();
    let layer = layer_for(&origin);
    let connection = connect(&origin).await;

    let refused = layer.layer(connection.clone()).oneshot(request(USERS, host)).await.unwrap_err();
    assert!(matches!(refused, AuthError::MissingAuthority), "{refused}");
    assert!(recording.take().is_empty());

    let mut client = layer.assume_origin(&origin).unwrap().layer(connection);
    client.ready().await.unwrap().call(request(&format!("{USERS}/?limit=5"), host)).await.unwrap();
    let received = recording.only();
    assert_eq!((received.signature_error(), received.target), (None, format!("{USERS}?limit=5")));

    let logs = Request::get(LOGS).header("host", host).body(Body::empty()).unwrap();
    client.ready().await.unwrap().call(logs).await.unwrap();
    assert_eq!(recording.only().header("x-api-key"), Some(READ_ONLY_KEY));

    let refused = client.ready().await.unwrap().call(request(USERS, "evil.example")).await.unwrap_err();
    assert!(matches!(refused, AuthError::HostMismatch { .. }), "{refused}");
    assert!(recording.take().is_empty());
}

#[tokio::test]
async fn assumed_origin_is_not_trusted() {
    let (origin, recording) = server::record().await;
    let layer = layer().assume_origin(&origin).unwrap();
    let client = layer.layer(connect(&origin).await);
    let refused = client.oneshot(request(USERS, "rest.logentries.com")).await.unwrap_err();
    assert!(matches!(&refused, AuthError::UntrustedOrigin { origin: named, .. } if *named == origin), "{refused}");
    assert!(recording.take().is_empty());
}
