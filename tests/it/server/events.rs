//! What the verifying layer logs of what it rejects: at debug level what strangers can cause, as an error what is broken.

use std::{error::Error, fmt, future::ready, sync::Arc};

use axum::body::Body;
use http::Request;
use tower_logentries_auth::{ApiKeyDigest, KeyStore, LogentriesVerifyLayer, OwnerKey, server::key_store_fn};

use crate::support::{
    KEY_ID, USERS, chain,
    log::Log,
    verifying::{TestRequest, present, verifier, verifier_with},
};

/// The one event of a rejected request. It says why the request was rejected.
async fn event<K: KeyStore + Clone>(layer: LogentriesVerifyLayer<K>, request: Request<Body>) -> String {
    let (rejected, log) = Log::of(present(&layer, request)).await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains(&chain(&rejected.unwrap_err())), "{log}");
    log.trim().to_owned()
}

/// Fails where one of these parts is not in an event, in whatever order it has its fields.
#[track_caller]
fn assert_says(event: &str, parts: &[&str]) {
    for part in parts {
        assert!(event.contains(part), "{part} in {event}");
    }
}

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

#[tokio::test]
async fn failing_store_is_an_error_event_with_causes() {
    let store = key_store_fn(
        (),
        |(), _: Arc<str>| {
            let refused = Failure("connection refused", None);
            ready(Err::<Vec<OwnerKey>, _>(Failure("no row was read", Some(Box::new(refused)))))
        },
        |(), _: ApiKeyDigest| ready(Ok(None)),
    );
    let told = event(verifier_with(store), TestRequest::LIST.request()).await;
    assert_says(
        &told,
        &["ERROR tower_logentries_auth::server: request rejected", "method=GET", &format!("path={USERS:?}")],
    );
    assert_says(&told, &[&format!("key_id={KEY_ID:?}"), "status=503", "kind=\"key_store_unavailable\""]);
    assert!(told.ends_with(": no row was read: connection refused"), "{told}");
}

#[tokio::test]
async fn invalid_signature_is_a_debug_event_with_canonical_string() {
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
    let told = event(verifier(), forged.request()).await;
    assert_says(&told, &["DEBUG tower_logentries_auth::server: request rejected", "method=POST", "status=401"]);
    assert!(told.contains("canonical_string=\"POSTapplication/jsonThu, 17 Aug 2017 20:16:24 GMTmanagement"), "{told}");
    assert!(told.contains(&format!("body_len={}", forged.body.len())), "{told}");
}

#[tokio::test]
async fn only_well_formed_key_ids_are_logged() {
    let stale = TestRequest { date: "Thu, 17 Aug 2017 20:00:00 GMT", ..TestRequest::LIST };
    let told = event(verifier(), stale.request()).await;
    assert_says(&told, &[&format!("key_id={KEY_ID:?}"), "status=401", "kind=\"date_out_of_tolerance\""]);
    let malformed = TestRequest::LIST.carrying("what-is-this:it-is-no-signature").unwrap();
    let told = event(verifier(), malformed).await;
    assert!(!told.contains("what-is-this") && !told.contains("key_id"), "{told}");
}
