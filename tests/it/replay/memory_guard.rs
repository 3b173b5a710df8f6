//! `MemoryReplayGuard`: what it remembers, and when it forgets.

use std::{
    collections::HashSet,
    thread,
    time::{Duration, SystemTime},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, channel::Channel};
use proptest::prelude::*;
use tower_logentries_auth::{
    RejectReplaysLayer, Rejection,
    replay::{MemoryReplayGuard, MemoryReplayGuardError, ReplayGuard},
    server::VerifiedSignature,
};

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

/// Sends a request of this date when the clock is at `now`, and returns what came of it.
async fn at(replays: &RejectReplaysLayer, clock: &ManualClock, now: u64, date: u64, n: u8) -> super::Outcome {
    clock.set(now);
    outcome(send(replays, clock, request_of(date, n)).await).await
}

#[tokio::test]
async fn clock_set_back_does_not_reopen_replays() {
    let (replays, clock) = (RejectReplaysLayer::new(MemoryReplayGuard::with_capacity(1)), ManualClock::at(SIGNED_AT));
    let later = SIGNED_AT + ACCEPTED + 1;
    assert_eq!(at(&replays, &clock, SIGNED_AT, SIGNED_AT, 0).await, None);
    assert_eq!(at(&replays, &clock, later, later, 0).await, None);
    assert_eq!(at(&replays, &clock, SIGNED_AT, SIGNED_AT, 0).await, Some("guard_unavailable"));
}

/// The guard knows what it forgot: signatures of the dates up to the newest that it dropped, and of no others.
#[tokio::test]
async fn clock_that_was_ahead_for_a_second_does_not_cost_a_day() {
    const DAY: u64 = 86_400;
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    for date in [SIGNED_AT, SIGNED_AT + 9] {
        assert_eq!(at(&replays, &clock, SIGNED_AT + 10, date, 0).await, None);
    }
    assert_eq!(at(&replays, &clock, SIGNED_AT + DAY, SIGNED_AT + DAY, 0).await, None);
    let back = SIGNED_AT + 11;
    for forgotten in [SIGNED_AT - 100, SIGNED_AT, SIGNED_AT + 5, SIGNED_AT + 9] {
        for n in [0, 1] {
            assert_eq!(at(&replays, &clock, back, forgotten, n).await, Some("guard_unavailable"), "{forgotten}");
        }
    }
    for new in [SIGNED_AT + 10, back, back + TOLERANCE] {
        for expected in [None, Some("replayed")] {
            assert_eq!(at(&replays, &clock, back, new, 0).await, expected, "{new}");
        }
    }
    // And what was recorded meanwhile is known when its date comes.
    assert_eq!(at(&replays, &clock, SIGNED_AT + DAY, SIGNED_AT + DAY, 0).await, Some("replayed"));
}

#[tokio::test]
async fn dates_are_dropped_as_they_expire() {
    let guard = MemoryReplayGuard::new();
    let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
    for n in 0..10 {
        for _ in 0..2 {
            at(&replays, &clock, SIGNED_AT, SIGNED_AT + u64::from(n / 2), n).await;
        }
    }
    assert_eq!(guard.len(), 10);
    for gone in 1..=5 {
        let now = SIGNED_AT + ACCEPTED + gone;
        at(&replays, &clock, now, now, 0).await;
        assert_eq!(guard.len() as u64, 10 - 2 * gone + gone, "two of the oldest date went, one of this second came");
    }
}

#[tokio::test]
async fn clones_share_what_they_remember_and_the_capacity() {
    let guard = MemoryReplayGuard::with_capacity(3);
    assert_eq!((guard.capacity(), MemoryReplayGuard::new().capacity()), (3, 1_000_000));
    assert!(guard.is_empty());
    let layers = [RejectReplaysLayer::new(guard.clone()), RejectReplaysLayer::new(guard.clone())];
    let clock = ManualClock::at(SIGNED_AT);
    for (layer, n, expected) in [
        (0, 0, None),
        (1, 0, Some("replayed")),
        (1, 1, None),
        (0, 2, None),
        (1, 3, Some("guard_unavailable")),
        (0, 1, Some("replayed")),
    ] {
        assert_eq!(at(&layers[layer], &clock, SIGNED_AT, SIGNED_AT, n).await, expected);
    }
    assert_eq!(guard.len(), 3);
}

/// How a guard of one's own is tested: by a signature that nobody had to make.
#[tokio::test]
async fn signature_can_be_made_for_the_test_of_a_guard() {
    let now = SystemTime::now();
    let signature = |id: &str, text: &str, date: SystemTime| {
        VerifiedSignature::new(id, text.parse().unwrap(), date, date + Duration::from_secs(60))
    };
    let [text, other, third] = ["A", "E", "I"].map(|last| format!("{}{last}=", "A".repeat(26)));
    let [text, other, third] = [&*text, &*other, &*third];
    let first = signature("key-id", text, now);
    assert_eq!(first.key_id(), "key-id");
    assert_eq!(first.valid_until(), first.date() + Duration::from_secs(60));
    assert!(now.duration_since(first.date()).unwrap() < Duration::from_secs(1), "whole seconds");
    assert!((Duration::from_secs(60)..=Duration::from_secs(122)).contains(&first.remember_for()));

    let guard = MemoryReplayGuard::with_capacity(2);
    for (signature, expected) in [
        (first.clone(), Ok(true)),
        (first.clone(), Ok(false)),
        (signature("other-id", text, now), Ok(false)),
        (signature("key-id", other, now), Ok(true)),
        (signature("key-id", third, now), Err(())),
        (signature("key-id", text, now), Ok(false)),
    ] {
        let recorded = guard.record(signature).await;
        match (recorded, expected) {
            (Err(MemoryReplayGuardError::Full { capacity: 2, .. }), Err(())) => {}
            (recorded, expected) => assert_eq!(recorded.map_err(drop), expected),
        }
    }
}

#[test]
fn made_signatures_are_cut_to_dates_that_exist() {
    let text = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap();
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(7);
    let made = VerifiedSignature::new("key-id", text, before, before);
    assert_eq!((made.date(), made.valid_until()), (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
}

#[tokio::test]
async fn replay_that_is_completed_late_does_not_pass_a_guard_that_forgot() {
    for (completed, rejection, others) in
        [(ACCEPTED, Some("replayed"), Some("guard_unavailable")), (ACCEPTED + 1, Some("upload_too_slow"), None)]
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
        let kind = replay.extensions().get::<Rejection>().map(Rejection::kind);
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

proptest! {
    #![proptest_config(cases(64))]

    /// However the clock jumps, and whatever the tolerances of the layers that share the guard: nothing passes twice.
    #[test]
    fn no_request_passes_twice_by_any_clock(
        steps in prop::collection::vec((0..4_000_u64, 0..40_u64, 0..3_u8, 0..3_usize), 1..80),
        capacity in 1..40_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let guard = MemoryReplayGuard::with_capacity(capacity);
        let (replays, clock) = (RejectReplaysLayer::new(guard.clone()), ManualClock::at(SIGNED_AT));
        let mut used = HashSet::new();
        for (now, date, n, tolerance) in steps {
            clock.set(SIGNED_AT + now);
            let tolerance = Duration::from_secs([10, 300, 10_000][tolerance]);
            let verifier = super::verifier_of(&clock).date_tolerance(tolerance).upload_duration(Duration::ZERO);
            let date = SIGNED_AT + date * 100;
            let sent = super::send_through(verifier, &replays, request_of(date, n));
            if runtime.block_on(sent).status() == 200 {
                prop_assert!(used.insert((date, n)), "{date} {n} passed twice");
            }
            prop_assert!(guard.len() <= capacity);
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
