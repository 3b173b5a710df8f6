//! Clients that upload, and what they see of a server that answers before it has read everything.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tower::BoxError;

/// A body that is sent in chunks of 64 KiB, with a `Content-Length` or without.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    left: usize,
    is_sized: bool,
}

const CHUNK: &[u8] = &[b'u'; 64 * 1024];

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = &CHUNK[..CHUNK.len().min(self.left)];
        self.left -= chunk.len();
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(Bytes::from_static(chunk)))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_sized { SizeHint::with_exact(self.left as u64) } else { SizeHint::new() }
    }
}

/// The clients that the signing layer is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploader {
    /// hyper-util's client, over HTTP/1.1.
    Legacy,
    /// A connection of `hyper::client::conn`.
    Connection,
    Reqwest,
    /// Writes a whole request before it reads, as most blocking clients do.
    WriteFirst,
    /// hyper-util's client, over HTTP/2.
    Http2,
}

impl Uploader {
    pub(crate) const HTTP1: [Self; 4] = [Self::Legacy, Self::Connection, Self::Reqwest, Self::WriteFirst];

    /// Sends `times` requests with bodies of this length, and returns how many answers with this status were lost.
    pub(crate) async fn lost_answers(
        self,
        times: usize,
        request: impl Fn(Upload) -> Request<Upload>,
        len: usize,
        expected: StatusCode,
    ) -> usize {
        let (http1, http2) = (legacy(false), legacy(true));
        let reqwest = super::clients::builder().build().unwrap();
        let send = async |upload| {
            let request = request(upload);
            match self {
                Self::Legacy => whole(http1.request(request).await?).await,
                Self::Http2 => whole(http2.request(request).await?).await,
                Self::Connection => over_a_connection(request).await,
                Self::WriteFirst => write_first(request).await,
                Self::Reqwest => {
                    let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
                    whole(Response::from(reqwest.execute(request).await?)).await
                }
            }
        };
        lost(times, send, len, expected).await
    }
}

/// Sends `times` bodies of this length, a few at once, and returns how many answers with this status were lost. Every second
/// body is sent with a `Content-Length`, the others in chunks.
///
/// Fails if one is answered otherwise.
pub(crate) async fn lost(
    times: usize,
    send: impl AsyncFn(Upload) -> Result<StatusCode, BoxError>,
    len: usize,
    expected: StatusCode,
) -> usize {
    let answers = stream::iter(0..times).map(|n| send(Upload { left: len, is_sized: n % 2 == 0 }));
    let answers: Vec<_> =
        timeout(Duration::from_secs(120), answers.buffer_unordered(8).collect()).await.expect("it hangs");
    assert!(answers.iter().flatten().all(|status| *status == expected), "{answers:?}");
    answers.iter().filter(|answer| answer.is_err()).count()
}

fn legacy(http2: bool) -> Client<HttpConnector, Upload> {
    Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
}

/// The status of an answer that arrives to its end.
pub(crate) async fn whole<B>(answer: Response<B>) -> Result<StatusCode, BoxError>
where
    B: Body<Error: Into<BoxError>>,
{
    let status = answer.status();
    answer.into_body().collect().await.map_err(Into::into)?;
    Ok(status)
}

async fn over_a_connection(mut request: Request<Upload>) -> Result<StatusCode, BoxError> {
    let authority = request.uri().authority().unwrap().clone();
    let stream = TcpStream::connect(authority.as_str()).await?;
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    request.headers_mut().insert("host", authority.as_str().parse()?);
    *request.uri_mut() = Uri::from(request.uri().path_and_query().unwrap().clone());
    whole(sender.send_request(request).await?).await
}

async fn write_first(request: Request<Upload>) -> Result<StatusCode, BoxError> {
    let (head, mut body) = request.into_parts();
    let mut stream = TcpStream::connect(head.uri.authority().unwrap().as_str()).await?;
    let mut lines = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", head.method, head.uri.path());
    for (name, value) in &head.headers {
        lines += &format!("{name}: {}\r\n", value.to_str()?);
    }
    let is_sized = body.is_sized;
    lines += &if is_sized { format!("content-length: {}\r\n\r\n", body.left) } else { CHUNKED.to_owned() };
    stream.write_all(lines.as_bytes()).await?;
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap();
        if is_sized {
            stream.write_all(&data).await?;
        } else {
            stream.write_all(&[format!("{:x}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat()).await?;
        }
    }
    if !is_sized {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    let mut line = [0; "HTTP/1.1 401".len()];
    stream.read_exact(&mut line).await?;
    Ok(StatusCode::from_bytes(&line[line.len() - 3..])?)
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
