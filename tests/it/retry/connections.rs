//! Connections that fail, and clients that cannot make any.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::handshake};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpStream;
use tower::{BoxError, ServiceBuilder, layer::util::Identity, service_fn};
use tower_logentries_auth::AuthError;

use super::{Outcome, assert_failed, assert_passed, attempts, attempts_with, http, request};
use crate::support::{
    LOGS, USERS, layer_for,
    raw::{Fault, fails_once},
    server::{record, refused_port},
    tls::trusting,
};

#[tokio::test]
async fn refused_connection_is_retried_for_idempotent_methods() {
    let (origin, _held) = refused_port();
    for (method, expected) in [(Method::GET, 3), (Method::POST, 1)] {
        let error = assert_failed(attempts(http(), &origin, request(method, &origin)).await, expected);
        assert!(matches!(error.downcast_ref(), Some(AuthError::Service { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn connection_closed_before_the_response_is_retried_for_idempotent_methods() {
    for fault in [Fault::Reset, Fault::Close, Fault::HalfAnAnswer] {
        let (origin, _) = fails_once(fault).await;
        assert_passed(attempts(http(), &origin, request(Method::GET, &origin)).await, 2);
        let (origin, _) = fails_once(fault).await;
        assert_failed(attempts(http(), &origin, request(Method::POST, &origin)).await, 1);
    }
}

#[tokio::test]
async fn answer_that_is_not_http_is_final() {
    let (origin, _) = fails_once(Fault::Garbage).await;
    assert_failed(attempts(http(), &origin, request(Method::GET, &origin)).await, 1);
}

/// When the first connection of a client is found to be gone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gone {
    BeforeReady,
    BeforeSend,
}

/// Sends a request with a client that makes a connection for each, the first of which is given up.
async fn given_up(gone: Gone, method: Method) -> Outcome {
    let (origin, _) = record().await;
    let authority = origin.strip_prefix("http://").unwrap().to_owned();
    let is_first = Arc::new(AtomicBool::new(true));
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let (is_first, authority) = (is_first.swap(false, Ordering::SeqCst), authority.clone());
        async move {
            let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(&*authority).await?)).await?;
            if is_first {
                drop(connection);
            } else {
                tokio::spawn(connection);
            }
            if gone == Gone::BeforeReady {
                sender.ready().await?;
            }
            Ok::<Response<Incoming>, BoxError>(sender.send_request(request).await?)
        }
    });
    attempts(client, &origin, request(method, &origin)).await
}

#[tokio::test]
async fn request_that_was_never_written_is_retried_for_all_methods() {
    assert_passed(given_up(Gone::BeforeSend, Method::GET).await, 2);
    assert_passed(given_up(Gone::BeforeSend, Method::POST).await, 2);
}

#[tokio::test]
async fn connection_that_is_closed_is_retried_for_idempotent_methods() {
    assert_passed(given_up(Gone::BeforeReady, Method::GET).await, 2);
    assert_failed(given_up(Gone::BeforeReady, Method::POST).await, 1);
}

/// A label of a name has at most 63 bytes, so that no resolver has to be asked.
#[tokio::test]
async fn name_that_is_not_found_is_final() {
    let origin = format!("http://{}.invalid", "a".repeat(64));
    assert_failed(attempts(http(), &origin, request(Method::GET, &origin)).await, 1);
}

#[tokio::test]
async fn client_without_tls_is_final() {
    let origin = "https://rest.logentries.com";
    assert_failed(attempts(http(), origin, request(Method::GET, origin)).await, 1);
}

/// The signing layer would refuse this scheme; without it, the connector does.
#[tokio::test]
async fn unknown_scheme_is_final() {
    let request = || request(Method::GET, "gopher://127.0.0.1:1");
    assert_failed(attempts_with(Identity::new(), http(), request()).await, 1);
    let https = HttpsConnectorBuilder::new().with_tls_config(trusting(None)).https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(https);
    assert_failed(attempts_with(Identity::new(), client, request()).await, 1);
}

/// A body that cannot be read, with an error that a connection would be retried for.
#[derive(Debug, Clone)]
struct Unreadable;

impl http_body::Body for Unreadable {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
    }
}

#[tokio::test]
async fn unreadable_body_is_final() {
    let (origin, recording) = record().await;
    // Read to be signed, and streamed with an API key.
    for (path, sent) in [(USERS, 0), (LOGS, 1)] {
        let layer = layer_for(&origin).rebuild_body(|_| unreachable!("the body cannot be read"));
        let client = ServiceBuilder::new()
            .map_request(|request: Request<Unreadable>| request.map(BodyExt::boxed))
            .service(Client::builder(TokioExecutor::new()).build_http());
        let request = Request::put(format!("{origin}{path}")).body(Unreadable).unwrap();
        assert_failed(attempts_with(layer, client, request).await, sent);
    }
    assert!(recording.take().is_empty());
}
