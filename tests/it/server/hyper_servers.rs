//! The verifying layer in a plain hyper server, and around services of any other types.

use std::{convert::Infallible, pin::pin, sync::Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{HeaderMap, Request, Response, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, StreamBody, channel::Channel, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{
    BufferedBody, Identity, KeyStore, LogentriesVerifyLayer, RebuildBody, Rejection,
    server::{Reason, ResponseBody},
};

use crate::support::{
    READ_WRITE_KEY, TEAMS,
    bodies::{Act, Scripted},
    verifying::{TestRequest, verifier, with_api_key},
    with_timeout,
};

/// The body type of the server.
type Boxed = BoxBody<Bytes, hyper::Error>;

/// Answers with the body of the request, trailers and all.
async fn echo(request: Request<Boxed>) -> Result<Response<Boxed>, Infallible> {
    assert!(request.extensions().get::<Identity>().is_some());
    Ok(Response::new(request.into_body()))
}

/// A hyper server behind a verifying layer, for HTTP/1.1 and HTTP/2 alike.
async fn serve_boxed() -> String {
    let layer = verifier().rebuild_body(BufferedBody::boxed);
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(BodyExt::boxed)) // `Incoming` can't be made again from bytes
        .layer(layer)
        .service_fn(echo);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let serving = async {
                auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
            };
            tokio::spawn(serving);
        }
    });
    origin
}

/// Clients for HTTP/1.1 and HTTP/2.
fn clients() -> [(Version, Client<HttpConnector, Body>); 2] {
    let client = |http2| Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
    [(Version::HTTP_11, client(false)), (Version::HTTP_2, client(true))]
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::ETAG, "kept".parse().unwrap())])
}

/// [`TestRequest::CREATE`] with a trailer behind its body.
fn with_trailers(origin: &str) -> Request<Body> {
    let mut request = TestRequest::CREATE.request_to(origin);
    // HTTP/1.1 announces them.
    request.headers_mut().insert("trailer", "etag".parse().unwrap());
    request.map(|_| Body::new(Scripted::new([Act::Data(TestRequest::CREATE.body), Act::Trailers(trailers())])))
}

#[tokio::test]
async fn boxed_body_reaches_the_service() {
    let origin = serve_boxed().await;
    for (version, client) in clients() {
        let response = client.request(TestRequest::CREATE.request_to(&origin)).await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (version, 200));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), TestRequest::CREATE.body);

        let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
        let response = client.request(forged.request_to(&origin)).await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (version, 401));
    }
}

/// hyper's HTTP/2 client resets the stream if the response to HEAD has a body.
#[tokio::test]
async fn rejected_head_has_the_length_of_the_body_it_leaves_out() {
    let origin = serve_boxed().await;
    for (version, client) in clients() {
        let send = async |method| {
            let response = client.request(with_api_key(method, &format!("{origin}{TEAMS}"), "unknown")).await.unwrap();
            assert_eq!((response.version(), response.status().as_u16()), (version, 401));
            let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
            (length, response.into_body().collect().await.unwrap().to_bytes().len())
        };
        let (length, sent) = send("GET").await;
        assert_eq!(length, sent);
        for _ in 0..3 {
            assert_eq!(send("HEAD").await, (length, 0), "{version:?}");
        }
    }
}

#[tokio::test]
async fn rebuild_body_closure_keeps_trailers_over_sockets() {
    let origin = serve_boxed().await;
    for (version, client) in clients() {
        let mut request = with_trailers(&origin);
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), 200, "{version:?}");
        let body = response.into_body().collect().await.unwrap();
        // The echo announces none, so that HTTP/1.1 drops them on the way back.
        let returned = (version == Version::HTTP_2).then(trailers);
        assert_eq!(body.trailers(), returned.as_ref());
        assert_eq!(body.to_bytes(), TestRequest::CREATE.body);
    }
}

/// What `layer` answers around a service that takes any body and keeps it.
async fn rebuilt<K, R, B>(layer: LogentriesVerifyLayer<K, R>, request: Request<B>) -> Result<B, Rejection>
where
    K: KeyStore + Clone,
    R: RebuildBody<B> + Clone,
    B: http_body::Body<Error: Into<BoxError>>,
{
    let kept = Mutex::new(None);
    let keep = service_fn(|request: Request<B>| {
        *kept.lock().unwrap() = Some(request.into_body());
        async { Ok::<_, Infallible>(Response::new(())) }
    });
    let response = layer.layer(keep).oneshot(request).await.unwrap();
    response.extensions().get::<Rejection>().cloned().map_or(Ok(()), Err)?;
    Ok(kept.into_inner().unwrap().unwrap())
}

#[tokio::test]
async fn from_bytes_rejects_trailers() {
    let rejection = rebuilt(verifier(), with_trailers("")).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::UnsupportedTrailers), "{rejection:?}");
    assert_eq!(rejection.status(), 400);
}

#[tokio::test]
async fn rebuild_body_closure_keeps_trailers() {
    let layer = verifier().rebuild_body(|body: BufferedBody| Body::new(body));
    let body = rebuilt(layer, with_trailers("")).await.unwrap().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers()));
    assert_eq!(body.to_bytes(), TestRequest::CREATE.body);
}

#[tokio::test]
async fn rebuilt_body_keeps_type_and_size() {
    let full: Full<Bytes> =
        rebuilt(verifier(), TestRequest::CREATE.request().map(|_| Full::from(TestRequest::CREATE.body))).await.unwrap();
    assert_eq!(full.size_hint().exact(), Some(TestRequest::CREATE.body.len() as u64));
    assert_eq!(full.collect().await.unwrap().to_bytes(), TestRequest::CREATE.body);
}

#[tokio::test]
async fn single_chunk_is_not_copied() {
    let bytes = Bytes::from_static(TestRequest::CREATE.body);
    let full = rebuilt(verifier(), TestRequest::CREATE.request().map(|_| Full::new(bytes.clone()))).await.unwrap();
    assert_eq!(full.collect().await.unwrap().to_bytes().as_ptr(), bytes.as_ptr());
}

#[tokio::test]
async fn api_key_request_streams() {
    let (mut sender, streaming) = Channel::<Bytes>::new(1);
    let origin = serve_boxed().await;
    let mut request = with_api_key("POST", &format!("{origin}{TEAMS}"), READ_WRITE_KEY);
    *request.body_mut() = Body::new(streaming);

    // The echo of the first half is back before the second is sent.
    sender.send_data("first ".into()).await.unwrap();
    let [(_, client), _] = clients();
    let mut response = with_timeout(client.request(request)).await.unwrap().into_body();
    assert_eq!(with_timeout(response.frame()).await.unwrap().unwrap().into_data().unwrap(), "first ");
    sender.send_data("second".into()).await.unwrap();
    drop(sender);
    assert_eq!(with_timeout(response.collect()).await.unwrap().to_bytes(), "second");
}

#[tokio::test]
async fn response_body_may_be_any_type() {
    struct NotABody;
    let service = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(NotABody)) });
    let response: Response<ResponseBody<NotABody>> =
        verifier().layer(service).oneshot(TestRequest::LIST.request()).await.unwrap();
    assert_eq!(response.status(), 200);

    let service = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(())) });
    let forged = TestRequest { key: "another-key", ..TestRequest::LIST };
    let response: Response<ResponseBody<()>> = verifier().layer(service).oneshot(forged.request()).await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn inner_error_is_untouched() {
    #[derive(Debug, PartialEq)]
    struct OwnError;
    let service = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(OwnError) });
    assert_eq!(verifier().layer(service).oneshot(TestRequest::LIST.request()).await.unwrap_err(), OwnError);
}

#[tokio::test]
async fn response_streams_with_trailers() {
    let (mut sender, streaming) = Channel::<Bytes>::new(1);
    let streaming = Mutex::new(Some(streaming));
    let service = service_fn(|_: Request<Body>| {
        let response = Response::new(streaming.lock().unwrap().take().unwrap());
        async { Ok::<_, Infallible>(response) }
    });
    let response = verifier().layer(service).oneshot(TestRequest::LIST.request()).await.unwrap();
    let mut body = pin!(response.into_body());

    assert!(body.frame().now_or_never().is_none(), "there is none yet");
    sender.send_data("first".into()).await.unwrap();
    assert_eq!(with_timeout(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "first");
    assert!(!body.is_end_stream());
    sender.send_trailers(trailers()).await.unwrap();
    assert_eq!(with_timeout(body.frame()).await.unwrap().unwrap().into_trailers().unwrap(), trailers());
    drop(sender);
    assert!(with_timeout(body.frame()).await.is_none());
}

#[tokio::test]
async fn response_size_hint_is_delegated() {
    async fn size<B: http_body::Body<Data = Bytes>>(body: impl Fn() -> B) -> (u64, Option<u64>, bool) {
        let service = service_fn(|_: Request<Body>| {
            let response = Response::new(body());
            async { Ok::<_, Infallible>(response) }
        });
        let body = verifier().layer(service).oneshot(TestRequest::LIST.request()).await.unwrap().into_body();
        (body.size_hint().lower(), body.size_hint().upper(), body.is_end_stream())
    }
    assert_eq!(size(|| Full::new(Bytes::from("four"))).await, (4, Some(4), false));
    assert_eq!(size(|| Full::new(Bytes::new())).await, (0, Some(0), true));
    assert_eq!(size(|| StreamBody::new(stream::empty::<Result<_, Infallible>>())).await, (0, None, false));
    assert_eq!(size(|| Scripted::new([]).claiming(1 << 40)).await, (1 << 40, Some(1 << 40), false));
}
