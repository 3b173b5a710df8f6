//! `drain_rejected` and `drain_timeout`: what is read after a rejection, so that the response arrives.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_logentries_auth::{Credentials, LogentriesVerifyLayer, server::Reason};

use crate::support::{
    LOGS, READ_ONLY_KEY, TEAMS, USERS,
    bodies::{Act, Guard, Scripted, trailers},
    server,
    sockets::{Socket, status},
    tls,
    uploads::{self, Uploader, whole},
    verifying::{DATE, PanicOnPoll, TestRequest, present, verifier, with_api_key},
    with_timeout,
};

const KIB: usize = 1024;

/// A request that is rejected for its key, with this body.
fn unknown_key<B>(origin: &str, body: B) -> Request<B> {
    Request::post(format!("{origin}{TEAMS}")).header("x-api-key", "unknown").body(body).unwrap()
}

/// How many of `times` answers to a body of this length each client loses.
async fn lost_answers(layer: LogentriesVerifyLayer<Credentials>, len: usize, times: usize) -> Vec<(Uploader, usize)> {
    let origin = server::verifier(layer).await;
    let mut lost = Vec::new();
    for uploader in Uploader::HTTP1 {
        let request = |body| unknown_key(&origin, body);
        lost.push((uploader, uploader.lost_answers(times, request, len, StatusCode::UNAUTHORIZED).await));
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_lost_within_the_default_of_64_kib() {
    let layer = verifier().drain_timeout(Duration::from_secs(60));
    for (uploader, lost) in lost_answers(layer, 64 * KIB, 50).await {
        assert_eq!(lost, 0, "{uploader:?}");
    }
}

async fn assert_no_answer_to_50_mb_is_lost(times: usize) {
    let layer = verifier().drain_rejected(50_000_000).drain_timeout(Duration::from_secs(60));
    for (uploader, lost) in lost_answers(layer, 50_000_000, times).await {
        assert_eq!(lost, 0, "{uploader:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_to_50_mb_is_lost_with_a_limit_that_high() {
    assert_no_answer_to_50_mb_is_lost(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: 40 GB go through loopback"]
async fn no_answer_of_200_to_50_mb_is_lost_with_a_limit_that_high() {
    assert_no_answer_to_50_mb_is_lost(200).await;
}

/// Those above find that nothing is lost: this one shows that something could be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_lost_where_nothing_is_drained() {
    let lost = lost_answers(verifier().drain_rejected(0), 50_000_000, 2).await;
    assert!(lost.contains(&(Uploader::WriteFirst, 2)), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_lost_over_tls() {
    let (origin, certificate) = tls::serve(Router::new().fallback(async || {}).layer(verifier())).await;
    let config = tls::trusting(Some(certificate));
    let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().build();
    for is_http2 in [false, true] {
        let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build(https.clone());
        let send = async |body| whole(client.request(unknown_key(&origin, body)).await?).await;
        assert_eq!(uploads::lost(50, send, 64 * KIB, StatusCode::UNAUTHORIZED).await, 0, "{is_http2}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_rejection_is_drained() {
    let layer = verifier().body_limit(256 * KIB).drain_rejected(4096 * KIB).drain_timeout(Duration::from_secs(60));
    let origin = server::verifier(layer).await;
    let body = vec![b'u'; 2048 * KIB];
    let signed = TestRequest { body: &body, ..TestRequest::CREATE };
    for (request, expected) in [
        (TestRequest { date: "yesterday", ..signed }.request_to(&origin), 400),
        (TestRequest { key_id: "nobody", ..signed }.request_to(&origin), 401),
        (with_api_key("POST", &format!("{origin}{TEAMS}"), READ_ONLY_KEY), 403),
        (signed.request_to(&origin), 413),
    ] {
        let (head, _) = request.into_parts();
        let request = |body| Request::from_parts(head.clone(), body);
        let expected = StatusCode::from_u16(expected).unwrap();
        assert_eq!(Uploader::WriteFirst.lost_answers(8, request, body.len(), expected).await, 0, "{expected}");
    }
}

#[tokio::test]
async fn connection_is_kept_after_a_drained_rejection() {
    let mut socket = Socket::connect(&server::verifier(verifier()).await).await;
    for _ in 0..3 {
        let head =
            format!("POST {TEAMS} HTTP/1.1\r\nhost: x\r\nx-api-key: unknown\r\ncontent-length: {}\r\n\r\n", 64 * KIB);
        socket.send(head).await;
        socket.send(vec![b'u'; 64 * KIB]).await;
        assert_eq!(status(&socket.receive().await), 401);
        socket.send(format!("GET {LOGS} HTTP/1.1\r\nhost: x\r\nx-api-key: {READ_ONLY_KEY}\r\n\r\n")).await;
        assert_eq!(status(&socket.receive().await), 200);
    }
}

/// Nobody asks for a body that is going to be dropped.
#[tokio::test]
async fn client_that_waits_for_100_continue_is_answered_at_once() {
    let origin = server::verifier(verifier().body_limit(7).drain_timeout(Duration::MAX)).await;
    let signed = format!("authorization-api-key: {}\r\ndate: {DATE}", TestRequest::CREATE.credential());
    for (credentials, expected) in [("x-api-key: unknown", 401), (&signed, 413)] {
        let mut socket = Socket::connect(&origin).await;
        let head = format!("host: x\r\n{credentials}\r\nexpect: 100-continue\r\ncontent-length: 8");
        socket.send(format!("POST {USERS} HTTP/1.1\r\n{head}\r\n\r\n")).await;
        assert_eq!(status(&socket.receive().await), expected);
    }
}

/// Which it no longer does once it was asked for the body.
#[tokio::test(start_paused = true)]
async fn client_that_waited_for_100_continue_is_drained_after_it() {
    let too_long = Scripted::new([Act::Data(b"too long"), Act::Stall]);
    let mut request = TestRequest::CREATE.request().map(|_| Body::new(too_long));
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    assert_eq!(rejected_after(&verifier().body_limit(7), request).await, Duration::from_millis(500));
}

/// Rejects a request with this body; returns how long that took.
async fn rejected_after(layer: &LogentriesVerifyLayer<Credentials>, request: Request<Body>) -> Duration {
    let start = Instant::now();
    with_timeout(present(layer, request)).await.unwrap_err();
    start.elapsed()
}

fn scripted(acts: impl IntoIterator<Item = Act>) -> Request<Body> {
    unknown_key("", Body::new(Scripted::new(acts)))
}

#[tokio::test(start_paused = true)]
async fn silent_client_is_answered_after_the_timeout() {
    let silent = || scripted([Act::Data(b"some"), Act::Stall]);
    assert_eq!(rejected_after(&verifier(), silent()).await, Duration::from_millis(500));
    let layer = verifier().drain_timeout(Duration::from_millis(700));
    assert_eq!(rejected_after(&layer, silent()).await, Duration::from_millis(700));
    let too_long = TestRequest::CREATE.request().map(|_| silent().into_body());
    assert_eq!(rejected_after(&layer.body_limit(3), too_long).await, Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn slow_client_is_answered_after_the_timeout() {
    let drops = stream::unfold((), async |()| {
        sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"."))), ()))
    });
    let slow = unknown_key("", Body::new(StreamBody::new(drops)));
    assert_eq!(rejected_after(&verifier().drain_timeout(Duration::from_millis(4500)), slow).await.as_millis(), 4500);
}

#[tokio::test(start_paused = true)]
async fn reading_stops_where_the_limit_is_passed() {
    let layer = verifier().drain_rejected(4);
    for (acts, expected) in [
        (vec![Act::Data(b"1234"), Act::Stall], 500), // which may be its end
        (vec![Act::Data(b"12345"), Act::Stall], 0),
        (vec![Act::Data(b"1234"), Act::Data(b"5"), Act::Stall], 0),
        (vec![Act::Data(b"1234"), Act::Trailers(trailers()), Act::Stall], 0),
        (vec![Act::Data(b"1"), Act::Fail("the client is gone"), Act::Stall], 0),
        (vec![], 0),
    ] {
        assert_eq!(rejected_after(&layer, scripted(acts.clone())).await.as_millis(), expected, "{acts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_where_it_does_not_help() {
    let unread = |claimed| unknown_key("", Body::new(PanicOnPoll { claimed }));
    // Over the limit in any case.
    present(&verifier(), unread(64 * KIB as u64 + 1)).await.unwrap_err();
    present(&verifier().drain_rejected(0), unread(0)).await.unwrap_err();
    let mut request = unread(0);
    *request.version_mut() = Version::HTTP_2;
    present(&verifier(), request).await.unwrap_err();
}

/// A body that is always ready gives way to other tasks, and is left at the limit.
#[tokio::test(start_paused = true)]
async fn endless_body_is_left() {
    for frame in [&b""[..], b"1"] {
        let frames = stream::repeat_with(move || Ok::<_, Infallible>(Frame::data(Bytes::from_static(frame))));
        let layer = verifier();
        let mut rejected = Box::pin(present(&layer, unknown_key("", Body::new(StreamBody::new(frames)))));
        assert!(rejected.as_mut().now_or_never().is_none());
        with_timeout(rejected).await.unwrap_err();
    }
}

/// Real time, which passes although the body is always ready.
#[tokio::test]
async fn endless_body_is_left_after_the_timeout() {
    let frames = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"1"))));
    let layer = verifier().drain_rejected(usize::MAX).drain_timeout(Duration::ZERO);
    rejected_after(&layer, unknown_key("", Body::new(StreamBody::new(frames)))).await;
}

#[test]
fn without_a_runtime_nothing_is_waited_for() {
    let rejection = present(&verifier(), scripted([Act::Data(b"some"), Act::Stall])).now_or_never();
    let rejection = rejection.unwrap().unwrap_err();
    assert!(matches!(rejection.reason(), Reason::UnknownKey), "{rejection:?}");
}

/// Neither the permit of the inner service nor what was buffered is held by a client that sends slowly.
#[tokio::test]
async fn draining_holds_nothing() {
    let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let service = verifier().body_limit(8).layer(ConcurrencyLimit::new(inner, 1));
    let (bytes, guard) = Guard::bytes(b"buffered");
    let too_long = Scripted::new([Act::Bytes(bytes), Act::Data(b"and more"), Act::Stall]);
    for slow in [
        TestRequest::CREATE.request().map(|_| Body::new(too_long)),
        with_api_key("POST", TEAMS, READ_ONLY_KEY).map(|_| scripted([Act::Stall]).into_body()),
        scripted([Act::Stall]),
    ] {
        let mut slow = Box::pin(service.clone().oneshot(slow));
        assert!(slow.as_mut().now_or_never().is_none());
        assert!(!guard.is_held());
        let next = service.clone().oneshot(with_api_key("GET", LOGS, READ_ONLY_KEY));
        assert_eq!(with_timeout(next).await.unwrap().status(), 200);
    }
}
