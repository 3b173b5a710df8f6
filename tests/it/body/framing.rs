//! Bodies on the wire: signed whole, with their length, or streamed as they come.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, Layer, ServiceExt};
use tower_logentries_auth::{BodyDigest, BufferedBody, LogentriesAuthLayer, RebuildBody};

use crate::support::{
    READ_WRITE_KEY, TEAMS, USERS,
    bodies::{Act, Scripted, trailers},
    layer,
    server::{self, Received},
    with_timeout,
};

/// The request as a server gets it, over HTTP/2 where it says so. Its URI is a path.
async fn arrives<R, B>(layer: LogentriesAuthLayer<R>, mut request: Request<B>) -> Received
where
    R: RebuildBody<B> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let (origin, recording) = server::record().await;
    *request.uri_mut() = format!("{origin}{}", request.uri()).parse().unwrap();
    let is_http_2 = request.version() == Version::HTTP_2;
    let client = Client::builder(TokioExecutor::new()).http2_only(is_http_2).build_http();
    let client = layer.trust_origin(&origin).unwrap().layer(client);
    with_timeout(client.oneshot(request)).await.unwrap();
    recording.only()
}

fn signed<B>(body: B) -> Request<B> {
    Request::post(USERS).body(body).unwrap()
}

/// Fails unless this is `body`, signed and sent with its length. Of no body at all hyper gives none by itself.
#[track_caller]
fn assert_whole(received: &Received, body: &[u8], what: &str) {
    assert_eq!(received.signature_error(), None, "{what}");
    let length = received.header("content-length").unwrap_or("0");
    assert_eq!(length, body.len().to_string(), "{what}");
    assert_eq!(received.header("transfer-encoding"), None, "{what}");
    assert!(received.body == body, "{what}: other bytes arrived");
}

/// Scripts of bodies, each with all its bytes.
fn scripts() -> Vec<(&'static str, Vec<Act>, Vec<u8>)> {
    use Act::{Data, Pending};

    let three_mib = Bytes::from(vec![b'x'; 3 << 20]);
    let chunk = three_mib.slice(..70_000);
    vec![
        ("nothing", vec![], vec![]),
        ("a chunk of nothing", vec![Data(b"")], vec![]),
        ("one byte", vec![Data(b"x")], b"x".to_vec()),
        ("one chunk", vec![Data(b"a body")], b"a body".to_vec()),
        ("many chunks", vec![Act::Bytes(chunk.clone()); 9], chunk.repeat(9)),
        ("chunks of nothing in between", vec![Data(b""), Data(b"a"), Data(b""), Data(b"b"), Data(b"")], b"ab".to_vec()),
        ("waits in between", vec![Pending, Data(b"a"), Pending, Pending, Data(b"b"), Pending], b"ab".to_vec()),
        ("one chunk of 3 MiB", vec![Act::Bytes(three_mib.clone())], three_mib.to_vec()),
        ("very many tiny chunks", vec![Data(b"x"); 20_000], vec![b'x'; 20_000]),
    ]
}

#[tokio::test]
async fn signed_bodies_arrive_with_content_length() {
    for (what, acts, body) in scripts() {
        let streamed = arrives(layer(), signed(Body::new(Scripted::new(acts)))).await;
        assert_whole(&streamed, &body, what);
        let full = arrives(layer(), signed(Full::from(Bytes::from(body.clone())))).await;
        assert_whole(&full, &body, what);
    }
    assert_whole(&arrives(layer(), signed(Body::empty())).await, b"", "no body");
}

/// A body type that is not `From<Bytes>`.
type Boxed = BoxBody<Bytes, std::io::Error>;

fn boxed(body: BufferedBody) -> Boxed {
    body.map_err(|never| match never {}).boxed()
}

#[tokio::test]
async fn rebuild_body_closure_keeps_content_length() {
    for (what, acts, body) in scripts() {
        let received = arrives(layer().rebuild_body(boxed), signed(Scripted::new(acts).boxed())).await;
        assert_whole(&received, &body, what);
    }
}

#[tokio::test]
async fn stale_framing_headers_are_replaced() {
    let stale = [("content-length", "3"), ("content-length", "300"), ("transfer-encoding", "chunked")];
    for (name, value) in stale {
        for (body, acts) in [("a body", vec![Act::Data(b"a "), Act::Data(b"body")]), ("", vec![])] {
            let known = if body.is_empty() { Body::empty() } else { Body::from(body) };
            for sent in [known, Body::new(Scripted::new(acts))] {
                let mut request = signed(sent);
                request.headers_mut().insert(name, HeaderValue::from_static(value));
                assert_whole(&arrives(layer(), request).await, body.as_bytes(), name);
            }
        }
    }
}

#[tokio::test]
async fn content_length_of_empty_body_is_corrected() {
    for given in ["0", "300"] {
        let mut request = signed(Body::empty());
        request.headers_mut().insert("content-length", HeaderValue::from_static(given));
        assert_eq!(arrives(layer(), request).await.header("content-length"), Some("0"));
    }
    assert_eq!(arrives(layer(), signed(Body::empty())).await.header("content-length"), None);
}

/// A body in chunks, longer than [`limited`] buffers.
fn long() -> Body {
    Body::new(Scripted::new([Act::Data(b"longer "), Act::Pending, Act::Data(b"than the limit")]))
}

const LONG: &[u8] = b"longer than the limit";

fn limited() -> LogentriesAuthLayer {
    layer().body_limit(4)
}

#[tokio::test]
async fn api_key_request_streams_past_the_limit() {
    let received = arrives(limited(), Request::put(TEAMS).body(long()).unwrap()).await;
    assert_eq!(received.header("x-api-key"), Some(READ_WRITE_KEY));
    assert_eq!(received.header("transfer-encoding"), Some("chunked"));
    assert_eq!(received.body, LONG);
}

#[tokio::test]
async fn body_digest_streams_past_the_limit() {
    let mut request = signed(long());
    request.extensions_mut().insert(BodyDigest::of(LONG));
    let received = arrives(limited(), request).await;
    assert_eq!((received.signature_error(), received.header("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(received.body, LONG);
}

#[tokio::test]
async fn streamed_body_keeps_content_length() {
    let mut request = signed(long());
    request.extensions_mut().insert(BodyDigest::of(LONG));
    request.headers_mut().insert("content-length", LONG.len().into());
    assert_whole(&arrives(limited(), request).await, LONG, "streamed");
}

fn with_trailers() -> Request<Boxed> {
    let body = Scripted::new([Act::Data(b"a "), Act::Data(b"body"), Act::Trailers(trailers())]);
    let mut request = signed(body.boxed());
    request.headers_mut().insert("trailer", HeaderValue::from_static("x-checksum"));
    request
}

#[tokio::test]
async fn trailers_arrive_over_http1() {
    let received = arrives(layer().rebuild_body(boxed), with_trailers()).await;
    assert_eq!((received.version, received.header("transfer-encoding")), (Version::HTTP_11, Some("chunked")));
    assert_eq!((received.signature_error(), &received.body[..]), (None, &b"a body"[..]));
    assert_eq!(received.trailers, Some(trailers()));
}

#[tokio::test]
async fn trailers_arrive_over_http2() {
    let mut request = with_trailers();
    *request.version_mut() = Version::HTTP_2;
    let received = arrives(layer().rebuild_body(boxed), request).await;
    assert_eq!((received.version, received.signature_error()), (Version::HTTP_2, None));
    assert_eq!((&received.body[..], received.trailers), (&b"a body"[..], Some(trailers())));
}
