//! `BodySource`: a body of any size that can be sent again.

use std::{
    env, fs, io,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{PolicyExt, Standard, clone_body_fn},
};
use tower_logentries_auth::{AuthError, BodyDigest, BodySource, LogentriesRetryPolicy};

use crate::support::{
    USERS, layer_for,
    server::{Recording, record_and},
};

/// More than a layer buffers, and no multiple of a chunk.
const LEN: usize = 1_000_001;

fn bytes() -> Vec<u8> {
    (0..LEN).map(|at| at as u8).collect()
}

/// A file that is removed with the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = env::temp_dir().join(format!("body_source-{}-{name}", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn http(is_http2: bool) -> Client<HttpConnector, BodySource> {
    Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http()
}

fn put(origin: &str, body: BodySource) -> Request<BodySource> {
    Request::put(format!("{origin}{USERS}")).extension(body.digest()).body(body).unwrap()
}

/// Starts a server that is busy twice, and then redirects once.
async fn busy_and_moved() -> (String, Recording) {
    let count = Arc::new(AtomicUsize::new(0));
    record_and(move |_| {
        let response = match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Response::builder().status(503),
            2 => Response::builder().status(308).header("location", format!("{USERS}/moved")),
            _ => Response::builder(),
        };
        response.body(Body::empty()).unwrap()
    })
    .await
}

#[tokio::test]
async fn upload_is_retried_and_redirected_without_being_buffered() {
    let file = TempFile::new("upload", &bytes());
    for is_http2 in [false, true] {
        for body in [
            BodySource::file(&file.0).await.unwrap(),
            BodySource::new(|| Full::new(Bytes::from(bytes()))).await.unwrap(),
            BodySource::from(Bytes::from(bytes())),
        ] {
            let (origin, recording) = busy_and_moved().await;
            let policy = Standard::default()
                .and::<_, BodySource, AuthError>(clone_body_fn(|body: &BodySource| Some(body.clone())));
            let client = ServiceBuilder::new()
                .layer(FollowRedirectLayer::with_policy(policy))
                .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
                .layer(layer_for(&origin).body_limit(0))
                .service(http(is_http2));
            let response = client.oneshot(put(&origin, body)).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let received = recording.take();
            assert_eq!(received.len(), 4);
            for received in received {
                assert_eq!((received.signature_error(), received.body.len()), (None, LEN));
                assert_eq!(received.header("content-length"), Some(&*LEN.to_string()));
            }
        }
    }
}

#[tokio::test]
async fn clone_restarts_in_bounded_chunks() {
    let file = TempFile::new("clone", &bytes());
    let mut body = BodySource::file(&file.0).await.unwrap();
    assert_eq!((body.len(), body.digest()), (LEN as u64, BodyDigest::of(bytes())));
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!((64 * 1024..=256 * 1024).contains(&first.len()), "{}", first.len());
    assert_eq!(body.size_hint().exact(), Some((LEN - first.len()) as u64));
    let mut clone = body.clone();
    assert_eq!(clone.size_hint().exact(), Some(LEN as u64));
    assert_eq!(clone.frame().await.unwrap().unwrap().into_data().unwrap(), first);
    assert_eq!(body.clone().collect().await.unwrap().to_bytes(), bytes());
    // One long chunk is handed on in pieces too.
    let mut long = BodySource::new(|| Full::new(Bytes::from(bytes()))).await.unwrap();
    assert_eq!(long.frame().await.unwrap().unwrap().into_data().unwrap().len(), 256 * 1024);
}

/// All of the body is there at once, so nothing but the hash can give way.
#[test]
fn hashing_gives_way_to_other_tasks() {
    let hashing = BodySource::new(|| Full::new(Bytes::from(bytes())));
    assert!(hashing.now_or_never().is_none());
}

#[tokio::test]
async fn empty_source_ends_at_once() {
    let file = TempFile::new("empty", b"");
    for mut body in [BodySource::default(), BodySource::file(&file.0).await.unwrap()] {
        assert!(body.is_empty() && body.is_end_stream());
        assert_eq!((body.digest(), body.size_hint().exact()), (BodyDigest::EMPTY, Some(0)));
        assert!(body.frame().await.is_none());
    }
}

/// Reads a body to its end; returns how many bytes came before its error.
async fn read_until_error(mut body: BodySource) -> (usize, io::Error) {
    let mut read = 0;
    loop {
        match body.frame().await.expect("an error has to come") {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => {
                assert!(body.frame().await.is_none() && body.is_end_stream());
                return (read, *error.downcast().unwrap());
            }
        }
    }
}

#[tokio::test]
async fn changed_file_fails_before_the_last_chunk() {
    let mut other = bytes();
    other[0] ^= 1;
    let longer = [bytes(), vec![0; 300_000]].concat();
    for (name, content) in
        [("shorter", &bytes()[1..]), ("other", &other[..]), ("longer", &[&[7], &longer[..]].concat())]
    {
        let file = TempFile::new(name, &bytes());
        let body = BodySource::file(&file.0).await.unwrap();
        fs::write(&file.0, content).unwrap();
        let (read, error) = read_until_error(body.clone()).await;
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}");
        assert!(read < LEN, "{name}: {read}");
    }
}

#[tokio::test]
async fn changed_file_reaches_no_handler() {
    let file = TempFile::new("sent", &bytes());
    let body = BodySource::file(&file.0).await.unwrap();
    fs::write(&file.0, vec![0; LEN]).unwrap();
    for is_http2 in [false, true] {
        let (origin, recording) = record_and(|_| Response::new(Body::empty())).await;
        let client = ServiceBuilder::new().layer(layer_for(&origin)).service(http(is_http2));
        let result = client.oneshot(put(&origin, body.clone())).await;
        // The server may answer 400 to a body that breaks off, before the client sees the error.
        assert!(result.is_err() || result.is_ok_and(|response| response.status() == 400));
        assert!(recording.take().is_empty());
    }
}

#[tokio::test]
async fn unreadable_file_is_named() {
    let error = BodySource::file("/no/such/file").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/file"), "{error}");

    let file = TempFile::new("removed", b"a user");
    let body = BodySource::file(&file.0).await.unwrap();
    fs::remove_file(&file.0).unwrap();
    assert_eq!(read_until_error(body).await.1.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn failing_body_or_trailers_have_no_digest() {
    let failing = || StreamBody::new(futures_util::stream::iter([Err::<http_body::Frame<Bytes>, _>("unplugged")]));
    assert_eq!(BodySource::new(failing).await.unwrap_err().to_string(), "unplugged");
    let trailing = || {
        Full::new(Bytes::from("a user")).with_trailers(async {
            Some(Ok(http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("1"))])))
        })
    };
    assert!(BodySource::new(trailing).await.unwrap_err().to_string().contains("trailers"));
}

#[test]
fn debug_hides_content_and_source_is_send_sync() {
    fn assert_auto<T: Send + Sync + Unpin + Clone>(_: &T) {}
    let body = BodySource::from(Bytes::from("a user"));
    assert_auto(&body);
    assert_eq!(format!("{body:?}"), "BodySource { len: 6, left: 6, .. }");
}
