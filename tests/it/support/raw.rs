//! Servers that misbehave, byte by byte.

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::server::Recording;

/// What becomes of the first connection to a server. All later ones are served as they should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Reset as soon as the first bytes of a request are there.
    Reset,
    /// Closed without an answer.
    Close,
    /// Read, and never answered.
    Silence,
    /// Closed in the middle of an answer's head.
    HalfAnAnswer,
    /// Not HTTP.
    Garbage,
    /// The first request is answered with keep-alive; the connection is closed when the next one comes.
    CloseOnTheSecond,
}

/// Starts a server whose first connection fails like this; the recording is of what the later ones bring.
pub(crate) async fn fails_once(fault: Fault) -> (String, Recording) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let recording = Recording::default();
    let kept = recording.clone();
    tokio::spawn(async move {
        let (first, _) = listener.accept().await.unwrap();
        tokio::spawn(fail(first, fault));
        loop {
            let (next, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(next, kept.clone()));
        }
    });
    (origin, recording)
}

async fn fail(mut stream: TcpStream, fault: Fault) {
    let mut some = [0; 64];
    stream.read_exact(&mut some).await.unwrap();
    match fault {
        Fault::Reset => stream.set_zero_linger().unwrap(),
        Fault::Close => {}
        Fault::Silence => drain(&mut stream).await,
        Fault::HalfAnAnswer => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await.unwrap(),
        Fault::Garbage => stream.write_all(b"\x16\x03\x01 this is not what you think it is \r\n\r\n").await.unwrap(),
        Fault::CloseOnTheSecond => {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream.read_exact(&mut some).await.unwrap();
        }
    }
}

async fn drain(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// Reads to the end of a request without a body.
async fn read_head(stream: &mut TcpStream) {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        last[3] = stream.read_u8().await.unwrap();
    }
}

async fn serve(stream: TcpStream, recording: Recording) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let recording = recording.clone();
        async move {
            recording.keep(request.map(Body::new)).await;
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        }
    });
    // How a connection ends is the client's business.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
}
