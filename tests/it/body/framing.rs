//! Bodies on the wire: signed whole, with their length, or streamed as they come.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header::CONTENT_LENGTH};
use http_body_util::{
    BodyExt, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{BodyDigest, BufferedBody, LogentriesAuthLayer, RebuildBody};

use crate::support::{
    READ_WRITE_KEY, TEAMS, USERS,
    bodies::{Act, Scripted, trailers},
    clients,
    inner::RAPID7,
    layer, layer_for,
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

/// Fails unless this is `body`, signed and sent with its length.
#[track_caller]
fn assert_whole(received: &Received, body: &[u8], what: &str) {
    assert_eq!(received.signature_error(), None, "{what}");
    assert_eq!(received.header("content-length"), Some(&*body.len().to_string()), "{what}");
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

#[tokio::test]
async fn boxed_body_keeps_content_length() {
    for (what, acts, body) in scripts() {
        let received = arrives(layer().rebuild_body(BufferedBody::boxed), signed(Scripted::new(acts).boxed())).await;
        assert_whole(&received, &body, what);
    }
}

/// A service that says how many bytes it got, whatever its bodies fail with.
async fn count<B: http_body::Body<Error: std::fmt::Debug>>(request: Request<B>) -> Result<Response<usize>, BoxError> {
    Ok(Response::new(request.into_body().collect().await.unwrap().to_bytes().len()))
}

/// A layer in a field has to have a type with a name.
struct Api<E> {
    layer: LogentriesAuthLayer<fn(BufferedBody) -> BoxBody<Bytes, E>>,
}

#[tokio::test]
async fn boxed_bodies_have_any_error_in_any_place() {
    async fn sends<E: Into<BoxError> + std::fmt::Debug + 'static>(
        error: impl Fn(std::io::Error) -> E + Send + Sync + 'static,
    ) {
        let request = || {
            let body = Scripted::new([Act::Data(b"a "), Act::Data(b"body")]);
            Request::post(format!("{RAPID7}{USERS}")).body(body)
        };
        let error = std::sync::Arc::new(error);
        let request = || {
            let error = std::sync::Arc::clone(&error);
            request().unwrap().map(|body| body.map_err(move |cause| error(cause)).boxed())
        };
        let by_layer = layer().rebuild_body(BufferedBody::boxed).layer(service_fn(count::<BoxBody<Bytes, E>>));
        assert_eq!(*by_layer.oneshot(request()).await.unwrap().body(), 6);
        let by_builder = ServiceBuilder::new().layer(layer().rebuild_body(BufferedBody::boxed));
        let by_builder = by_builder.service(service_fn(count::<BoxBody<Bytes, E>>));
        assert_eq!(*by_builder.oneshot(request()).await.unwrap().body(), 6);
        let api = Api::<E> { layer: layer().rebuild_body(BufferedBody::boxed) };
        let by_field = api.layer.layer(service_fn(count::<BoxBody<Bytes, E>>));
        assert_eq!(*by_field.oneshot(request()).await.unwrap().body(), 6);
    }
    sends(|error: std::io::Error| error).await;
    sends(BoxError::from).await;
}

#[tokio::test]
async fn unsync_boxed_body_is_signed() {
    let body = UnsyncBoxBody::<Bytes, std::io::Error>::new(Scripted::new([Act::Data(b"a "), Act::Data(b"body")]));
    let received = arrives(layer().rebuild_body(BufferedBody::boxed_unsync), signed(body)).await;
    assert_whole(&received, b"a body", "unsync");
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

/// Bodies without a byte, however they say so.
fn empty_bodies() -> [Body; 4] {
    let stream = |acts: Vec<Act>| Scripted::new(acts);
    [
        Body::empty(),
        Body::from(""),
        Body::new(stream(vec![Act::Pending, Act::Data(b"")])),
        Body::new(stream(vec![]).claiming(0)),
    ]
}

/// Of other methods hyper decides over HTTP/2.
const LENGTHS: [(&str, Option<&str>); 6] =
    [("POST", Some("0")), ("PUT", Some("0")), ("PATCH", Some("0")), ("GET", None), ("HEAD", None), ("DELETE", None)];

/// RFC 9110, section 8.6. Front ends answer 411 where a POST has no length.
#[tokio::test]
async fn signed_request_without_bytes_has_a_length_if_its_method_anticipates_a_body() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (method, length) in LENGTHS {
            for given in [None, Some("0"), Some("300")] {
                for body in empty_bodies() {
                    let mut request = Request::builder().method(method).uri(USERS).version(version).body(body).unwrap();
                    request.headers_mut().extend(given.map(|given| (CONTENT_LENGTH, HeaderValue::from_static(given))));
                    let received = arrives(layer(), request).await;
                    assert_eq!((received.version, received.signature_error()), (version, None), "{method}");
                    assert_eq!(received.header("content-length"), length, "{method} {version:?} given {given:?}");
                    assert_eq!(received.header("transfer-encoding"), None, "{method} {version:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn reqwest_request_without_bytes_has_a_length_if_its_method_anticipates_a_body() {
    let (origin, recording) = server::record().await;
    let http2 = clients::builder().http2_prior_knowledge();
    for (version, http) in [(Version::HTTP_11, clients::builder()), (Version::HTTP_2, http2)] {
        for (way, client) in clients::all_ways(&layer_for(&origin), http.build().unwrap()) {
            for (method, length) in LENGTHS {
                for body in [None, Some(reqwest::Body::from("")), Some(reqwest::Body::wrap(Scripted::new([])))] {
                    let url = format!("{origin}{USERS}").parse().unwrap();
                    let mut request = reqwest::Request::new(method.parse().unwrap(), url);
                    *request.body_mut() = body;
                    client.clone().oneshot(request).await.unwrap();
                    let received = recording.only();
                    assert_eq!((received.version, received.signature_error()), (version, None), "{way}");
                    assert_eq!(received.header("content-length"), length, "{method} {version:?} {way}");
                }
            }
        }
    }
}

#[tokio::test]
async fn api_key_request_without_bytes_stays_as_it_is() {
    let request = Request::post(TEAMS).body(Body::empty()).unwrap();
    assert_eq!(arrives(layer(), request).await.header("content-length"), None);
}

#[tokio::test]
async fn trailers_alone_have_no_length() {
    let trailers_alone = with_trailers([Act::Trailers(trailers())]);
    let received = arrives(layer().rebuild_body(BufferedBody::boxed), trailers_alone).await;
    assert_eq!((received.signature_error(), received.header("content-length")), (None, None));
    assert_eq!((received.header("transfer-encoding"), &received.trailers), (Some("chunked"), &Some(trailers())));
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

fn with_trailers(acts: impl IntoIterator<Item = Act>) -> Request<Boxed> {
    let mut request = signed(Scripted::new(acts).boxed());
    request.headers_mut().insert("trailer", HeaderValue::from_static("x-checksum"));
    request
}

fn body_and_trailers() -> [Act; 3] {
    [Act::Data(b"a "), Act::Data(b"body"), Act::Trailers(trailers())]
}

#[tokio::test]
async fn trailers_arrive_over_http1() {
    let received = arrives(layer().rebuild_body(BufferedBody::boxed), with_trailers(body_and_trailers())).await;
    assert_eq!((received.version, received.header("transfer-encoding")), (Version::HTTP_11, Some("chunked")));
    assert_eq!((received.signature_error(), &received.body[..]), (None, &b"a body"[..]));
    assert_eq!(received.trailers, Some(trailers()));
}

#[tokio::test]
async fn trailers_arrive_over_http2() {
    let mut request = with_trailers(body_and_trailers());
    *request.version_mut() = Version::HTTP_2;
    let received = arrives(layer().rebuild_body(BufferedBody::boxed), request).await;
    assert_eq!((received.version, received.signature_error()), (Version::HTTP_2, None));
    assert_eq!((&received.body[..], received.trailers), (&b"a body"[..], Some(trailers())));
}
