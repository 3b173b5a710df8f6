//! What is read to be signed, up to where, and what becomes of the bytes.

use std::{marker::PhantomPinned, pin::Pin, rc::Rc, sync::mpsc, task};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header::DATE};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tower_logentries_auth::{AuthError, BodyDigest, BufferedBody, Credentials, LogentriesAuthLayer};

use crate::support::{
    READ_ONLY_KEY, TEAMS, USERS,
    bodies::{
        Act::{self, Data, Pending, Trailers},
        Scripted, trailers,
    },
    inner::{RAPID7, pass, signature_error},
    layer,
};

/// The point in a script that must not be reached.
const UNREAD: Act = Act::Fail("it was read");

fn post<B>(target: &str, body: B) -> Request<B> {
    Request::post(format!("{RAPID7}{target}")).body(body).unwrap()
}

fn signed(script: Scripted) -> Request<Body> {
    post(USERS, Body::new(script))
}

/// The bytes of a body that still has to be read.
async fn bytes_of<B: http_body::Body<Error: std::fmt::Debug>>(body: B) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}

/// Where each chunk of a body lies in memory, and how long it is.
async fn places_of(body: impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>) -> Vec<(*const u8, usize)> {
    let mut body = Box::pin(body);
    let mut places = Vec::new();
    while let Some(frame) = body.frame().await {
        places.extend(frame.unwrap().into_data().map(|data| place(&data)));
    }
    places
}

fn place(bytes: &Bytes) -> (*const u8, usize) {
    (bytes.as_ptr(), bytes.len())
}

#[tokio::test]
async fn declared_size_over_limit_fails_before_reading() {
    let layer = layer().body_limit(6);
    let error = pass(&layer, signed(Scripted::new([UNREAD]).claiming(7))).await.unwrap_err();
    assert!(matches!(error, AuthError::BodyTooLarge { limit: 6, .. }), "{error}");
}

#[tokio::test]
async fn reading_stops_at_the_limit() {
    let layer = layer().body_limit(6);
    let at_once = vec![Data(b"a body."), UNREAD];
    let later = vec![Data(b"a body"), Pending, Data(b"."), UNREAD];
    let byte_by_byte = [vec![Data(b"."); 7], vec![UNREAD]].concat();
    for acts in [at_once, later, byte_by_byte] {
        let error = pass(&layer, signed(Scripted::new(acts))).await.unwrap_err();
        assert!(matches!(error, AuthError::BodyTooLarge { limit: 6, .. }), "{error}");
    }
}

#[tokio::test]
async fn body_of_exactly_the_limit_is_signed() {
    let layer = layer().body_limit(6);
    let chunks = || Scripted::new([Data(b"a "), Data(b"body"), Data(b"")]);
    for script in [chunks(), chunks().claiming(6)] {
        let request = pass(&layer, signed(script)).await.unwrap();
        assert_eq!(signature_error(&request, b"a body"), None);
    }
}

#[tokio::test]
async fn zero_limit_allows_empty_bodies() {
    let layer = layer().body_limit(0);
    let request = pass(&layer, signed(Scripted::new([]))).await.unwrap();
    assert_eq!(signature_error(&request, b""), None);
    let error = pass(&layer, signed(Scripted::new([Data(b".")]))).await.unwrap_err();
    assert!(matches!(error, AuthError::BodyTooLarge { limit: 0, .. }), "{error}");
}

#[tokio::test]
async fn default_limit_is_16_mib() {
    let limit = 16 << 20;
    let error = pass(&layer(), signed(Scripted::new([UNREAD]).claiming(limit + 1))).await.unwrap_err();
    assert!(matches!(error, AuthError::BodyTooLarge { limit: 16_777_216, .. }), "{error}");
    let error = pass(&layer(), signed(Scripted::new([UNREAD]).claiming(limit))).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }), "{error}");
}

#[tokio::test]
async fn wrong_size_hint_fails() {
    for claimed in [0, 5, 7, 600] {
        let error =
            pass(&layer(), signed(Scripted::new([Data(b"a "), Data(b"body")]).claiming(claimed))).await.unwrap_err();
        assert!(matches!(error, AuthError::BodyLengthMismatch { read: 6, .. }), "{claimed} claimed: {error}");
    }
}

#[tokio::test]
async fn body_error_is_the_source() {
    let request = post(USERS, Scripted::new([Data(b"half"), Pending, Act::Fail("the disk is gone"), UNREAD]));
    let layer = layer().rebuild_body(|_: BufferedBody| -> Scripted { unreachable!("there is no whole body") });
    let AuthError::ReadBody { source, .. } = pass(&layer, request).await.unwrap_err() else { panic!("another error") };
    assert_eq!(source.downcast_ref::<std::io::Error>().unwrap().to_string(), "the disk is gone");
}

#[tokio::test]
async fn api_key_or_digest_leaves_body_unread() {
    let by_key = post(TEAMS, Body::new(Scripted::new([UNREAD])));
    let mut by_digest = signed(Scripted::new([UNREAD]));
    by_digest.extensions_mut().insert(BodyDigest::of("a body"));
    for request in [by_key, by_digest] {
        let request = pass(&layer(), request).await.unwrap();
        let is_signed = request.headers().contains_key("authorization-api-key");
        assert!(!is_signed || signature_error(&request, b"a body").is_none());
        assert!(request.into_body().frame().await.unwrap().is_err(), "the first poll was not the test's");
    }
}

#[tokio::test]
async fn failing_request_leaves_body_unread() {
    let read_only = LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap());
    let error = pass(&read_only, signed(Scripted::new([UNREAD]))).await.unwrap_err();
    assert!(matches!(error, AuthError::InsufficientAccess { .. }), "{error}");
    let mut request = signed(Scripted::new([UNREAD]));
    *request.method_mut() = Method::from_bytes(b"PURGE").unwrap();
    let error = pass(&layer(), request).await.unwrap_err();
    assert!(matches!(error, AuthError::UnsupportedMethod { .. }), "{error}");
}

#[tokio::test]
async fn empty_body_overrides_stale_digest() {
    for body in [Body::empty(), Body::from(""), Body::new(Scripted::new([]).claiming(0))] {
        let mut request = post(USERS, body);
        request.extensions_mut().insert(BodyDigest::of("the body of an earlier request"));
        assert_eq!(signature_error(&pass(&layer(), request).await.unwrap(), b""), None);
    }
}

#[tokio::test]
async fn single_chunk_is_not_copied() {
    let bytes = Bytes::from(vec![b'x'; 3]);
    let full = pass(&layer(), post(USERS, Full::from(bytes.clone()))).await.unwrap();
    assert_eq!(places_of(full.into_body()).await, [place(&bytes)]);

    let acts = [Data(b""), Pending, Act::Bytes(bytes.clone()), Data(b"")];
    let streamed = pass(&layer(), signed(Scripted::new(acts))).await.unwrap();
    assert_eq!(places_of(streamed.into_body()).await, [place(&bytes)]);
}

#[tokio::test]
async fn from_bytes_rejects_trailers() {
    for acts in [vec![Trailers(trailers())], vec![Data(b"a body"), Trailers(trailers())]] {
        let error = pass(&layer(), signed(Scripted::new(acts))).await.unwrap_err();
        assert!(matches!(error, AuthError::UnsupportedTrailers), "{error}");
    }
}

/// What `rebuild_body` is given for this script.
async fn buffered(acts: impl IntoIterator<Item = Act>) -> BufferedBody {
    let (send, sent) = mpsc::channel();
    let layer = layer().rebuild_body(move |body: BufferedBody| {
        send.send(body).unwrap();
        Scripted::new([])
    });
    pass(&layer, post(USERS, Scripted::new(acts))).await.unwrap();
    sent.try_recv().unwrap()
}

#[tokio::test]
async fn several_chunks_are_copied_into_one() {
    let chunks = [1, 8192, 3, 70_000].map(|len| Act::Bytes(vec![b'x'; len].into()));
    for claims in [false, true] {
        let script = Scripted::new(chunks.clone());
        let script = if claims { script.claiming(78_196) } else { script };
        let body = pass(&layer(), signed(script)).await.unwrap().into_body();
        assert_eq!(places_of(body).await.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [78_196]);
    }
}

#[tokio::test]
async fn size_hint_is_exact() {
    let mut body = buffered([Data(&[b'x'; 600]), Data(&[b'y'; 700])]).await;
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(1300), false));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 1300);
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn trailers_count_toward_the_limit() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".repeat(100).parse().unwrap())]);
    let body = Scripted::new([Data(b"a body"), Trailers(trailers)]);
    let layer = layer().body_limit(100).rebuild_body(|_: BufferedBody| Scripted::new([]));
    let error = pass(&layer, post(USERS, body)).await.unwrap_err();
    assert!(matches!(error, AuthError::BodyTooLarge { limit: 100, .. }), "{error}");
}

#[tokio::test]
async fn empty_trailers_are_none() {
    let body = buffered([Data(b"a body"), Trailers(HeaderMap::new())]).await;
    assert_eq!((body.size_hint().exact(), body.trailers()), (Some(6), None));
}

#[tokio::test]
async fn trailers_come_last_without_exact_size() {
    let mut body = buffered([Data(b"a body"), Trailers(trailers())]).await;
    assert_eq!(body.trailers(), Some(&trailers()));
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (6, None));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a body");
    assert!(!body.is_end_stream());
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers());
    assert!(body.is_end_stream() && body.frame().await.is_none());
}

#[tokio::test]
async fn nothing_may_follow_the_trailers() {
    for act in [Trailers(trailers()), Data(b"a body")] {
        let body = Scripted::new([Data(b"a body"), Trailers(trailers()), act]);
        let layer = layer().rebuild_body(|_: BufferedBody| Scripted::new([]));
        let error = pass(&layer, post(USERS, body)).await.unwrap_err();
        assert!(matches!(error, AuthError::ReadBody { .. }), "{error}");
    }
}

#[tokio::test]
async fn buffered_body_converts_to_bytes() {
    let bytes = Bytes::from_static(&[b'x'; 600]);
    let one = Bytes::from(buffered([Act::Bytes(bytes.clone()), Trailers(trailers())]).await);
    assert_eq!(place(&one), place(&bytes));
    let many = Bytes::from(buffered([Act::Bytes(bytes.clone()), Act::Bytes(bytes.clone()), Data(b"yz")]).await);
    assert_eq!(many, [&bytes[..], &bytes[..], b"yz"].concat());
    assert!(Bytes::from(buffered([]).await).is_empty());
    assert!(Bytes::from(BufferedBody::default()).is_empty());
}

pin_project_lite::pin_project! {
    /// A body that can be moved neither to another thread nor, once pinned, anywhere.
    struct Rooted {
        #[pin]
        body: BufferedBody,
        #[pin]
        stays: PhantomPinned,
        local: Rc<()>,
    }
}

impl From<BufferedBody> for Rooted {
    fn from(body: BufferedBody) -> Self {
        Self { body, stays: PhantomPinned, local: Rc::default() }
    }
}

impl http_body::Body for Rooted {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }
}

#[tokio::test]
async fn body_needs_no_send_or_unpin() {
    let body = Rooted::from(buffered([Data(b"a body")]).await);
    let request =
        pass(&layer().rebuild_body(|body: BufferedBody| Rooted::from(body)), post(USERS, body)).await.unwrap();
    assert_eq!(signature_error(&request, b"a body"), None);
    assert_eq!(bytes_of(request.into_body()).await, "a body");
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let chunk = prop_oneof![prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 500..1500)];
    let act = prop_oneof![1 => Just(Pending), 3 => chunk.prop_map(|chunk| Act::Bytes(chunk.into()))];
    prop::collection::vec(act, 0..12)
}

proptest! {
    #[test]
    fn chunking_does_not_change_what_is_sent(acts in acts(), claims in any::<bool>()) {
        let chunks = acts.iter().filter_map(|act| if let Act::Bytes(bytes) = act { Some(&bytes[..]) } else { None });
        let whole = chunks.collect::<Vec<_>>().concat();
        let script = Scripted::new(acts);
        let script = if claims { script.claiming(whole.len() as u64) } else { script };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let request = runtime.block_on(pass(&layer(), signed(script))).unwrap();
        prop_assert_eq!(signature_error(&request, &whole), None);
        prop_assert_eq!(request.body().size_hint().exact(), Some(whole.len() as u64));
        prop_assert_eq!(runtime.block_on(bytes_of(request.into_body())), whole);
    }
}
