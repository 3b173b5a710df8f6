//! A correction never makes things worse: over sockets, by HTTP/1.1 and HTTP/2.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{Router, body::Body, extract::Request as Received};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, Service, ServiceExt};
use tower_logentries_auth::{AuthError, LogentriesAuthLayer, LogentriesVerifyLayer, sign::ClockSkewCorrected};

use crate::support::{
    SIGNED_AT, USERS, at,
    clock::{ManualClock, date},
    credentials, layer_for,
    server::{record_and, serve},
};

const AN_HOUR: u64 = 3600;

type HyperClient = Client<HttpConnector, Body>;

/// A client of HTTP/1.1 and one of HTTP/2.
fn clients() -> [HyperClient; 2] {
    [false, true].map(|http2| Client::builder(TokioExecutor::new()).http2_only(http2).build_http())
}

fn users(origin: &str) -> Request<Body> {
    Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap()
}

async fn get(layer: &LogentriesAuthLayer, client: &HyperClient, origin: &str) -> Response<Incoming> {
    layer.layer(client.clone()).oneshot(users(origin)).await.unwrap()
}

fn corrected<T>(response: &Response<T>) -> Option<i64> {
    response.extensions().get::<ClockSkewCorrected>().map(ClockSkewCorrected::offset_secs)
}

/// A server that answers everything like this, dated at this second.
async fn answering(status: u16, second: u64) -> String {
    let answer =
        move |_: &_| Response::builder().status(status).header("date", date(second)).body(Body::empty()).unwrap();
    record_and(answer).await.0
}

fn verifying_at(second: u64) -> Router {
    Router::new().fallback(|| async {}).layer(LogentriesVerifyLayer::new(credentials()).clock(at(second)))
}

/// Two servers behind one origin, which take turns. The first is right, the second an hour ahead.
async fn round_robin(first: usize) -> String {
    let (servers, turn) =
        ([verifying_at(SIGNED_AT), verifying_at(SIGNED_AT + AN_HOUR)], Arc::new(AtomicUsize::new(first)));
    serve(Router::new().fallback(move |request: Received| {
        let server = servers[turn.fetch_add(1, Relaxed) % 2].clone();
        async { server.oneshot(request).await }
    }))
    .await
}

/// Sends requests one after the other, each with one retry after a rejection of any kind, and counts those that pass.
async fn passed_of_100(layer: &LogentriesAuthLayer, client: &HyperClient, origin: &str, wait: impl Fn()) -> usize {
    let mut passed = 0;
    for _ in 0..100 {
        let mut response = get(layer, client, origin).await;
        if response.status() != StatusCode::OK {
            wait();
            response = get(layer, client, origin).await;
        }
        passed += usize::from(response.status() == StatusCode::OK);
    }
    passed
}

#[tokio::test]
async fn disagreeing_servers_cost_one_request() {
    for client in clients() {
        for wait in [0, 2] {
            for (first, lost) in [(0, 0), (1, 1)] {
                let clock = ManualClock::at(SIGNED_AT);
                let layer = |origin: &str| layer_for(origin).clock(clock.reading());
                let origin = round_robin(first).await;
                let wait = || clock.set(clock.second() + wait);
                assert_eq!(passed_of_100(&layer(&origin), &client, &origin, wait).await, 100 - lost);

                let origin = round_robin(first).await;
                clock.set(SIGNED_AT);
                let uncorrected = layer(&origin).correct_clock_skew(false);
                assert_eq!(passed_of_100(&uncorrected, &client, &origin, || ()).await, 100);
            }
        }
    }
}

/// A laptop that was asleep, or a join that was parked: the answer is dated when it was sent, not when it is seen.
#[tokio::test]
async fn late_poll_leaves_a_correct_clock() {
    for client in clients() {
        let origin = answering(403, SIGNED_AT).await;
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer_for(&origin).clock(clock.reading());
        let response = layer.layer(client).call(users(&origin));
        clock.set(SIGNED_AT + 1200);
        let response: Result<_, AuthError> = response.await;
        assert_eq!(corrected(&response.unwrap()), None);
        assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);
    }
}

#[tokio::test]
async fn late_poll_corrects_a_wrong_clock() {
    for client in clients() {
        let origin = serve(verifying_at(SIGNED_AT + AN_HOUR)).await;
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer_for(&origin).clock(clock.reading());
        let response = layer.layer(client.clone()).call(users(&origin));
        clock.set(SIGNED_AT + 20);
        assert_eq!(corrected(&response.await.unwrap()), Some(3590), "half way between signing and polling");
        assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn late_guess_is_refined() {
    for client in clients() {
        let origin = answering(401, SIGNED_AT + 2 * AN_HOUR).await;
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer_for(&origin).clock(clock.reading());
        let response = layer.layer(client.clone()).call(users(&origin));
        clock.set(SIGNED_AT + AN_HOUR);
        assert_eq!(corrected(&response.await.unwrap()), Some(5400));
        // The server's clock stands still, so that it is an hour ahead by now.
        assert_eq!(corrected(&get(&layer, &client, &origin).await), Some(3600));
    }
}

/// The local clock is set right after a correction: the offset would move it wrong again.
#[tokio::test]
async fn local_clock_jump_drops_the_offset() {
    for client in clients() {
        let origin = serve(verifying_at(SIGNED_AT + AN_HOUR)).await;
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer_for(&origin).clock(clock.reading());
        assert_eq!(corrected(&get(&layer, &client, &origin).await), Some(3600));
        assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);

        clock.set(SIGNED_AT + AN_HOUR);
        assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);
        assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);

        // Set wrong again, the clock is corrected at once, whatever passed before.
        clock.set(SIGNED_AT);
        assert_eq!(corrected(&get(&layer, &client, &origin).await), Some(3600));
    }
}

#[tokio::test]
async fn small_local_clock_steps_keep_the_offset() {
    for client in clients() {
        let origin = serve(verifying_at(SIGNED_AT + AN_HOUR)).await;
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer_for(&origin).clock(clock.reading());
        get(&layer, &client, &origin).await;
        for step in 1..=8 {
            clock.set(SIGNED_AT + 20 * step);
            assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);
            assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 3600);
        }
    }
}

#[tokio::test]
async fn status_404_corrects_a_clock_far_off() {
    for client in clients() {
        for (ahead, offset) in [(1200, Some(1200)), (30, None), (25 * AN_HOUR, None)] {
            let origin = answering(404, SIGNED_AT + ahead).await;
            let layer = layer_for(&origin).clock(at(SIGNED_AT));
            assert_eq!(corrected(&get(&layer, &client, &origin).await), offset, "{ahead}");
        }
    }
}

/// After a request has passed, one server with another clock is not believed; several rejections in a row are.
#[tokio::test]
async fn unnoticed_skew_is_corrected_after_three_rejections() {
    for client in clients() {
        let second = ManualClock::at(SIGNED_AT);
        let verify = LogentriesVerifyLayer::new(credentials()).clock(second.reading());
        let origin = serve(Router::new().fallback(|| async {}).layer(verify)).await;
        let layer = layer_for(&origin).clock(at(SIGNED_AT));
        assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);

        second.set(SIGNED_AT + AN_HOUR);
        for expected in [None, None, Some(3600)] {
            assert_eq!(corrected(&get(&layer, &client, &origin).await), expected);
        }
        assert_eq!(get(&layer, &client, &origin).await.status(), StatusCode::OK);
    }
}
