//! Nothing of the new types shows a signature or a key, and all are `Send` and `Sync`.

use std::{error::Error, sync::Mutex};

use bytes::Bytes;
use http_body_util::Full;
use tower_logentries_auth::{
    Rejection,
    replay::{MemoryReplayGuard, MemoryReplayGuardError, RejectReplays, RejectReplaysLayer},
    server::{ResponseBody, VerifiedSignature},
};

use super::send;
use crate::support::{KEY_ID, SIGNED_AT, assert_no_secrets, clock::ManualClock, verifying::TestRequest, whole_error};

const fn are_send_and_sync<T: Send + Sync + 'static>() {}

const _: () = {
    are_send_and_sync::<(RejectReplaysLayer, RejectReplays<()>, ResponseBody<Full<Bytes>>, VerifiedSignature)>();
    are_send_and_sync::<(MemoryReplayGuard, MemoryReplayGuardError, Rejection)>();
};

/// Fails where `text` shows a key, or the signature of [`TestRequest::CREATE`] in base64 or as bytes.
#[track_caller]
fn assert_no_key_or_signature(text: &str) {
    assert_no_secrets(text);
    let credential = TestRequest::CREATE.credential();
    let (_, signature) = credential.split_once(':').unwrap();
    assert!(!text.contains(signature), "{text}");
}

#[tokio::test]
async fn debug_and_display_are_silent() {
    static SEEN: Mutex<String> = Mutex::new(String::new());
    let guard = MemoryReplayGuard::with_capacity(0);
    let inner = guard.clone();
    let replays = RejectReplaysLayer::new(move |signature: VerifiedSignature| {
        *SEEN.lock().unwrap() = format!("{signature:?}");
        tower_logentries_auth::replay::ReplayGuard::record(&inner, signature)
    });
    let response = send(&replays, &ManualClock::at(SIGNED_AT), TestRequest::CREATE.request()).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    let cause = rejection.source().and_then(|source| source.downcast_ref::<MemoryReplayGuardError>());
    assert!(matches!(cause, Some(MemoryReplayGuardError::Full { capacity: 0, .. })), "{rejection:?}");

    let seen = SEEN.lock().unwrap().clone();
    assert!(seen.contains(KEY_ID), "{seen}");
    assert_no_key_or_signature(&format!("{seen} {guard:?} {replays:?} {} {response:?}", whole_error(rejection)));
}

#[tokio::test]
async fn events_name_the_key_and_no_secret() {
    use crate::support::log::Log;

    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    send(&replays, &clock, TestRequest::CREATE.request()).await;
    let (_, log) = Log::of(send(&replays, &clock, TestRequest::CREATE.request())).await;
    let event = log.lines().find(|line| line.contains("tower_logentries_auth::replay")).unwrap();
    for part in ["DEBUG", "request rejected", "POST", KEY_ID, "status=401", "kind=\"replayed\""] {
        assert!(event.contains(part), "{part} in {event}");
    }
    assert_no_key_or_signature(&log);
}
