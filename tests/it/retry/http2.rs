//! HTTP/2: what a server refuses it has not processed, and says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use h2::Reason;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{BoxError, service_fn};

use super::{Outcome, assert_failed, assert_passed, attempts, http2, request};

/// What becomes of the first request, or of the connection that it is on. The next is answered with 200.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Reset(Reason),
    /// A connection that ends with this frame.
    Frame(&'static [u8]),
    /// A connection on which nothing is answered, not even a PING.
    Silence,
}

/// Nothing was processed.
const GOAWAY_BEFORE_ALL: Fault = Fault::Frame(&goaway(0));
/// The first stream may have been processed.
const GOAWAY_AFTER_THE_FIRST: Fault = Fault::Frame(&goaway(1));
/// A frame that no server may send, so that the client itself ends the connection: DATA on stream 0.
const AGAINST_THE_PROTOCOL: Fault = Fault::Frame(&[0, 0, 0, 0, 0, 0, 0, 0, 0]);

/// A GOAWAY frame (RFC 9113, section 6.8) with NO_ERROR, and the last stream that the server may have processed.
const fn goaway(last_stream: u8) -> [u8; 17] {
    [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, 0]
}

async fn fails_once(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let is_faulty = Arc::new(AtomicBool::new(true));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, fault, Arc::clone(&is_faulty)));
        }
    });
    origin
}

async fn serve(stream: TcpStream, fault: Fault, is_faulty: Arc<AtomicBool>) {
    match fault {
        Fault::Reset(reason) => reset_first(stream, reason, &is_faulty).await,
        Fault::Frame(frame) if is_faulty.swap(false, Ordering::SeqCst) => end_with(stream, frame).await,
        Fault::Silence if is_faulty.swap(false, Ordering::SeqCst) => drain(stream).await,
        Fault::Frame(_) | Fault::Silence => {
            let app = TowerToHyperService::new(Router::new().fallback(async || {}));
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), app).await.unwrap();
        }
    }
}

async fn reset_first(stream: TcpStream, reason: Reason, is_faulty: &AtomicBool) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_request, mut respond))) = connection.accept().await {
        if is_faulty.swap(false, Ordering::SeqCst) {
            respond.send_reset(reason);
        } else {
            respond.send_response(Response::new(()), true).unwrap();
        }
    }
}

/// Reads up to the head of the first request, sends this frame, and closes when the client does.
async fn end_with(mut stream: TcpStream, frame: &[u8]) {
    const HEADERS: u8 = 1;
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(&SETTINGS).await.unwrap();
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            break;
        }
    }
    stream.write_all(frame).await.unwrap();
    // The end of what is sent, without the reset that unread input would cause.
    stream.shutdown().await.unwrap();
    drain(stream).await;
}

async fn drain(mut stream: TcpStream) {
    while stream.read_u8().await.is_ok() {}
}

async fn outcome(fault: Fault, method: Method) -> Outcome {
    let origin = fails_once(fault).await;
    attempts(http2(), &origin, request(method, &origin)).await
}

#[tokio::test]
async fn refused_stream_is_retried_for_all_methods() {
    assert_passed(outcome(Fault::Reset(Reason::REFUSED_STREAM), Method::POST).await, 2);
    assert_passed(outcome(Fault::Reset(Reason::REFUSED_STREAM), Method::GET).await, 2);
}

#[tokio::test]
async fn stream_that_goaway_leaves_out_is_retried_for_all_methods() {
    assert_passed(outcome(GOAWAY_BEFORE_ALL, Method::POST).await, 2);
    assert_passed(outcome(GOAWAY_BEFORE_ALL, Method::GET).await, 2);
}

/// The connection ends without an answer.
#[tokio::test]
async fn stream_that_goaway_covers_is_retried_for_idempotent_methods() {
    assert_failed(outcome(GOAWAY_AFTER_THE_FIRST, Method::POST).await, 1);
    assert_passed(outcome(GOAWAY_AFTER_THE_FIRST, Method::GET).await, 2);
}

#[tokio::test]
async fn other_resets_are_final() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::PROTOCOL_ERROR] {
        assert_failed(outcome(Fault::Reset(reason), Method::GET).await, 1);
    }
}

#[tokio::test]
async fn goaway_of_the_client_itself_is_final() {
    assert_failed(outcome(AGAINST_THE_PROTOCOL, Method::GET).await, 1);
}

#[tokio::test]
async fn connection_that_answers_no_ping_is_retried_for_idempotent_methods() {
    let send = async |method| {
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(Duration::from_millis(200))
            .http2_keep_alive_timeout(Duration::from_millis(200))
            .build_http();
        let origin = fails_once(Fault::Silence).await;
        attempts(client, &origin, request(method, &origin)).await
    };
    assert_passed(send(Method::GET).await, 2);
    assert_failed(send(Method::POST).await, 1);
}

/// h2 keeps its `io::Error` from `source()`.
#[tokio::test]
async fn connection_of_h2_that_ends_is_retried_for_idempotent_methods() {
    let client = service_fn(async |request: Request<Full<Bytes>>| {
        let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        let (response, _) = client.ready().await?.send_request(request.map(drop), true)?;
        Ok::<_, BoxError>(response.await?)
    });
    for (method, passes) in [(Method::GET, true), (Method::POST, false)] {
        let origin = fails_once(GOAWAY_AFTER_THE_FIRST).await;
        let outcome = attempts(client, &origin, request(method, &origin)).await;
        if passes {
            assert_passed(outcome, 2);
        } else {
            assert_failed(outcome, 1);
        }
    }
}
