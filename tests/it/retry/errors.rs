//! Errors without a socket: what counts is the innermost cause.

use std::{
    future::ready,
    io::{self, ErrorKind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, load_shed::error::Overloaded, service_fn, timeout::error::Elapsed};

use super::{ORIGIN, assert_failed, assert_passed, attempts, request};

/// Sends requests to a service that fails once; returns how often a GET and a POST were sent.
async fn sent(error: impl Fn() -> BoxError) -> [usize; 2] {
    let outcome = async |method| {
        let failure = Arc::new(std::sync::Mutex::new(Some(error())));
        let client = service_fn(move |_: Request<Full<Bytes>>| {
            ready(failure.lock().unwrap().take().map_or_else(|| Ok(Response::new(())), Err))
        });
        let (result, sent) = attempts(client, ORIGIN, request(method, ORIGIN)).await;
        assert_eq!(result.is_ok(), sent == 2);
        sent
    };
    [outcome(Method::GET).await, outcome(Method::POST).await]
}

#[tokio::test(start_paused = true)]
async fn transient_kinds_are_retried_for_idempotent_methods() {
    let transient = [
        ErrorKind::ConnectionRefused,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::UnexpectedEof,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::TimedOut,
        ErrorKind::Interrupted,
    ];
    for kind in transient {
        assert_eq!(sent(|| io::Error::from(kind).into()).await, [2, 1], "{kind:?}");
        assert_eq!(sent(|| io::Error::other(io::Error::from(kind)).into()).await, [2, 1], "{kind:?}");
        assert_eq!(sent(|| io::Error::new(kind, "with a text").into()).await, [2, 1], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_kinds_are_final() {
    for kind in [
        ErrorKind::Other,
        ErrorKind::InvalidData,
        ErrorKind::InvalidInput,
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::Unsupported,
        ErrorKind::AddrNotAvailable,
        ErrorKind::OutOfMemory,
    ] {
        assert_eq!(sent(|| io::Error::from(kind).into()).await, [1, 1], "{kind:?}");
        assert_eq!(sent(|| io::Error::new(ErrorKind::ConnectionReset, io::Error::from(kind)).into()).await, [1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_errors_are_final() {
    assert_eq!(sent(|| "who knows".into()).await, [1, 1]);
    assert_eq!(sent(|| Overloaded::new().into()).await, [1, 1]);
    assert_eq!(sent(|| h2::Error::from(h2::Reason::REFUSED_STREAM).into()).await, [1, 1], "not by the peer");
}

#[tokio::test(start_paused = true)]
async fn elapsed_time_is_retried_for_idempotent_methods() {
    assert_eq!(sent(|| Elapsed::new().into()).await, [2, 1]);
    let was_silent = Arc::new(AtomicBool::new(false));
    let silent_once = service_fn(move |_: Request<Full<Bytes>>| {
        let was_silent = was_silent.swap(true, Ordering::SeqCst);
        async move {
            if !was_silent {
                std::future::pending::<()>().await;
            }
            Ok::<_, BoxError>(Response::new(()))
        }
    });
    let client = ServiceBuilder::new().timeout(Duration::from_secs(10)).service(silent_once);
    assert_passed(attempts(client.clone(), ORIGIN, request(Method::GET, ORIGIN)).await, 2);
}

#[tokio::test(start_paused = true)]
async fn request_that_is_not_sent_is_final() {
    let client = service_fn(|_: Request<Full<Bytes>>| ready(Ok::<_, BoxError>(Response::new(()))));
    let outcome = attempts(client, ORIGIN, request(Method::GET, "https://example.com")).await;
    assert!(assert_failed(outcome, 0).is::<tower_logentries_auth::AuthError>());
}
