//! Servers that answer an upload before they have read it, and close. `guide::troubleshooting` says what is lost where.

use std::io;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, ServiceExt};

use crate::support::{
    SIGNED_AT, USERS, at, layer_for, server,
    uploads::{Upload, Uploader},
    verifying::verifier,
    with_timeout,
};

/// Long enough for a client to be sending still when it is answered.
const LEN: usize = 2_000_000;

/// Starts an HTTP/1.1 server that answers each head at once, and closes as nginx does with `lingering_close`: only for
/// writing at first, while what still comes is read and dropped.
async fn closing_lingering(status: StatusCode) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // How a connection ends is the client's business.
            tokio::spawn(async move { answer(stream, status).await.ok() });
        }
    });
    origin
}

async fn answer(mut stream: TcpStream, status: StatusCode) -> io::Result<()> {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        last[3] = stream.read_u8().await?;
    }
    stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    stream.shutdown().await?;
    let mut buffer = vec![0; 256 * 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

fn upload(origin: &str, body: Upload) -> Request<Upload> {
    Request::post(format!("{origin}{USERS}")).body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_sees_the_answer_of_a_server_that_closes_lingering() {
    for (uploader, status) in Uploader::HTTP1.into_iter().zip([401, 403, 413, 401]) {
        let status = StatusCode::from_u16(status).unwrap();
        let origin = closing_lingering(status).await;
        let lost = uploader.lost_answers(50, |body| upload(&origin, body), LEN, status).await;
        assert_eq!(lost, 0, "{uploader:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_no_early_answer_is_lost() {
    let origin = server::verifier(verifier().drain_rejected(0)).await;
    let lost = Uploader::Http2.lost_answers(50, |body| upload(&origin, body), LEN, StatusCode::UNAUTHORIZED).await;
    assert_eq!(lost, 0);
}

/// The server's clock is an hour ahead, and it closes without reading what it rejects: an upload may end as an error that
/// says nothing of clocks. A request without a body always sees the answer.
#[tokio::test]
async fn small_signed_request_first_has_the_clock_corrected_for_an_upload() {
    let origin = server::verifier(verifier().clock(at(SIGNED_AT + 3600)).drain_rejected(0)).await;
    let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let client = layer.layer(http);
    let send = async |method, body: Vec<u8>| {
        let url = format!("{origin}{USERS}");
        let request = Request::builder().method(method).uri(url).body(Full::from(body)).unwrap();
        with_timeout(client.clone().oneshot(request)).await.unwrap().status().as_u16()
    };
    assert_eq!(send(Method::GET, Vec::new()).await, 401);
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 3600);
    assert_eq!(send(Method::POST, vec![b'u'; LEN]).await, 200);
}
