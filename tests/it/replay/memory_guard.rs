//! `MemoryReplayGuard`: what it remembers, and when it forgets.

use std::{collections::HashSet, thread};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, channel::Channel};
use proptest::prelude::*;
use tower_logentries_auth::replay::{MemoryReplayGuard, RejectReplaysLayer, ReplayRejection};

use super::{outcome, send};
use crate::support::{
    SIGNED_AT, cases,
    clock::{ManualClock, date},
    verifying::TestRequest,
};

/// How far a date may be off when the head of a request arrives, in seconds.
const TOLERANCE: u64 = 300;
/// How long after its date a request may be complete.
const ACCEPTED: u64 = TOLERANCE + 900;

/// A request of this date. `n` distinguishes requests of the same date.
fn request_of(second: u64, n: u8) -> Request<Body> {
    TestRequest { date: &date(second), body: &[n], ..TestRequest::CREATE }.request()
}

#[test]
fn shards_share_the_whole_capacity() {
    for capacity in [0, 1, 8_193, 50_000, 1_000_003] {
        let guard = format!("{:?}", MemoryReplayGuard::with_capacity(capacity));
        assert!(guard.contains(&format!("capacity: {capacity},")), "{guard}");
    }
}

#[tokio::test]
async fn expired_dates_make_room() {
    let guard = MemoryReplayGuard::with_capacity(1);
    let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT, 0)).await).await, None);
    for (now, expected) in [(ACCEPTED, Some("guard_unavailable")), (ACCEPTED + 1, None)] {
        clock.set(SIGNED_AT + now);
        assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT + now, 0)).await).await, expected);
    }
    assert_eq!(guard.len(), 1);
}

#[tokio::test]
async fn clock_set_back_does_not_reopen_replays() {
    let (replays, clock) = (RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(1)), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT, 0)).await).await, None);
    clock.set(SIGNED_AT + ACCEPTED + 1);
    assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT + ACCEPTED + 1, 0)).await).await, None);
    clock.set(SIGNED_AT);
    let response = send(&replays, &clock, request_of(SIGNED_AT, 0)).await;
    assert_eq!(outcome(response).await, Some("guard_unavailable"));
}

#[tokio::test]
async fn replay_that_is_completed_late_does_not_pass_a_guard_that_forgot() {
    for (completed, rejection, others) in
        [(ACCEPTED, Some("replayed"), Some("guard_unavailable")), (ACCEPTED + 1, None, None)]
    {
        let guard = MemoryReplayGuard::with_capacity(1);
        let (replays, clock) = (RejectReplaysLayer::new(guard), ManualClock::at(SIGNED_AT));
        assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT, 7)).await).await, None);

        clock.set(SIGNED_AT + TOLERANCE);
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let mut replay = Box::pin(send(&replays, &clock, request_of(SIGNED_AT, 7).map(|_| Body::new(body))));
        assert!(replay.as_mut().now_or_never().is_none());

        // Another request takes the only place there is, as soon as the guard may forget.
        clock.set(SIGNED_AT + completed);
        assert_eq!(outcome(send(&replays, &clock, request_of(SIGNED_AT + completed, 7)).await).await, others);
        sender.send_data(vec![7].into()).await.unwrap();
        drop(sender);
        let replay = replay.await;
        let kind = replay.extensions().get::<ReplayRejection>().map(ReplayRejection::kind);
        assert_eq!((replay.status().as_u16(), kind), (401, rejection));
    }
}

/// Sends a request of which the last byte arrives at the second `until`.
async fn send_until(
    replays: &RejectReplaysLayer,
    clock: &ManualClock,
    request: Request<Body>,
    until: u64,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let last = clock.clone();
    let body = stream::once(async move {
        last.set(until);
        body.collect().await.map(|body| Frame::data(body.to_bytes()))
    });
    send(replays, clock, Request::from_parts(head, Body::new(StreamBody::new(body)))).await
}

/// How long a body takes: most take no time.
fn upload() -> impl Strategy<Value = u64> {
    prop_oneof![9 => Just(0), 1 => 0..1300_u64]
}

proptest! {
    #![proptest_config(cases(64))]

    /// Compared with a set that forgets nothing: each request passes once, as long as there is room.
    #[test]
    fn each_request_passes_once(steps in prop::collection::vec((0..200_u64, upload(), 0..6_u8), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
        let mut used = HashSet::new();
        for (elapsed, upload, n) in steps {
            let (arrived, signed_at) = (clock.second() + elapsed, SIGNED_AT + u64::from(n) * 100);
            clock.set(arrived);
            let completed = arrived + upload;
            let response = runtime.block_on(send_until(&replays, &clock, request_of(signed_at, n), completed));
            if arrived.abs_diff(signed_at) > TOLERANCE || completed > signed_at + ACCEPTED {
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
