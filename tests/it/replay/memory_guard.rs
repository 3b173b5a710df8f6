//! `MemoryReplayGuard`: what it remembers, and when it forgets.

use std::{collections::HashSet, thread};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tower_logentries_auth::replay::{MemoryReplayGuard, RejectReplaysLayer};

use super::{outcome, send};
use crate::support::{
    SIGNED_AT,
    clock::{ManualClock, date},
    verifying::TestRequest,
};

/// How long a date is accepted, in seconds.
const TOLERANCE: u64 = 300;

/// A request of this date. `n` tells it from others of the same one.
fn request_of(second: u64, n: u8) -> Request<Body> {
    TestRequest { date: &date(second), body: &[n], ..TestRequest::CREATE }.request()
}

#[tokio::test]
async fn expired_dates_make_room() {
    let guard = MemoryReplayGuard::with_capacity(1);
    let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT, 0)).await).await, None);
    for (now, expected) in [(TOLERANCE, Some("guard_unavailable")), (TOLERANCE + 1, None)] {
        clock.set(SIGNED_AT + now);
        assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT + now, 0)).await).await, expected);
    }
    assert_eq!(guard.len(), 1);
}

#[tokio::test]
async fn clock_set_back_does_not_reopen_replays() {
    let (replays, clock) = (RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(1)), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT, 0)).await).await, None);
    clock.set(SIGNED_AT + TOLERANCE + 1);
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT + TOLERANCE + 1, 0)).await).await, None);
    clock.set(SIGNED_AT);
    let response = send(&replays, &clock, request_of(SIGNED_AT, 0)).await;
    assert_eq!(outcome(response).await, Some("guard_unavailable"));
}

#[tokio::test]
async fn date_expiring_during_upload_is_rejected() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    let (chunks, mut arriving) = mpsc::unbounded_channel();
    let body = stream::poll_fn(move |cx| arriving.poll_recv(cx));
    let slow = request_of(SIGNED_AT, 7).map(|_| Body::new(StreamBody::new(body)));
    let mut sent = Box::pin(send(&replays, &clock, slow));
    assert!(sent.as_mut().now_or_never().is_none());

    clock.set(SIGNED_AT + TOLERANCE + 1);
    chunks.send(Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[7])))).unwrap();
    drop(chunks);
    assert_eq!(outcome(sent.await).await, Some("expired"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a set that forgets nothing: whatever passes, passes once, as long as there is room.
    #[test]
    fn each_request_passes_once(steps in prop::collection::vec((0..200_u64, 0..6_u8), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
        let mut used = HashSet::new();
        for (elapsed, n) in steps {
            clock.set(clock.second() + elapsed);
            let signed_at = SIGNED_AT + u64::from(n) * 100;
            let response = runtime.block_on(send(&replays, &clock, request_of(signed_at, n)));
            if clock.second().abs_diff(signed_at) > TOLERANCE {
                prop_assert_eq!(response.status(), 401);
                continue;
            }
            let expected = (!used.insert(n)).then_some("replayed");
            prop_assert_eq!(runtime.block_on(outcome(response)), expected);
        }
    }
}

/// Many threads, two copies of each request, and room for half of them.
#[test]
fn threads_share_one_bound_and_no_copy_passes_twice() {
    const CAPACITY: usize = 300;
    let guard = MemoryReplayGuard::with_capacity(CAPACITY);
    let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
    let passed = |first: u64| {
        let sent = (first..first + 150).map(|n| {
            let response = send(&replays, &clock, request_of(SIGNED_AT + n / 256, n as u8)).now_or_never().unwrap();
            (n, response.status())
        });
        sent.filter(|(_, status)| status == &200).map(|(n, _)| n).collect::<Vec<_>>()
    };
    let mut passed: Vec<u64> = thread::scope(|scope| {
        let threads = [0, 0, 150, 150, 300, 300, 450, 450].map(|first| {
            scope.spawn({
                let passed = &passed;
                move || passed(first)
            })
        });
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((passed.len(), guard.len()), (CAPACITY, CAPACITY));
    passed.sort_unstable();
    passed.dedup();
    assert_eq!(passed.len(), CAPACITY, "a copy passed twice");
}
