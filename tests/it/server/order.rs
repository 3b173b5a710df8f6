//! What the verifying layer looks at first, and what it leaves alone.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    LogentriesVerifyLayer,
    server::{Malformed, Reason},
};

use crate::support::{
    LOGS, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS, at,
    bodies::{Act, Scripted},
    verifying::{
        DATE, PanicOnPoll, SharedStore, TestRequest, failing, present, telling, verifier, verifier_with, with_api_key,
    },
    with_timeout,
};

/// A layer whose store counts how often it is asked.
fn counted() -> (LogentriesVerifyLayer<impl SharedStore>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let store = telling(move |_| {
        count.fetch_add(1, SeqCst);
    });
    (verifier_with(store), asked)
}

/// The same request with a body that must not be read, and is too long to be drained.
fn unread(request: Request<Body>) -> Request<Body> {
    request.map(|_| Body::new(PanicOnPoll { claimed: 1 << 40 }))
}

fn scripted(request: Request<Body>, acts: impl IntoIterator<Item = Act>) -> Request<Body> {
    request.map(|_| Body::new(Scripted::new(acts)))
}

/// The date of so many seconds from [`SIGNED_AT`].
fn seconds_from_then(seconds: i64) -> String {
    let second = SIGNED_AT.checked_add_signed(seconds).unwrap();
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(second))
}

#[tokio::test]
async fn malformed_request_is_rejected_before_lookup() {
    let unknown = TestRequest { key_id: "nobody", ..TestRequest::CREATE };
    let stale = &*seconds_from_then(-100_000);
    let (layer, asked) = counted();
    for (request, expected) in [
        (TestRequest { method: "LINK", date: stale, ..unknown }.request(), Malformed::Method),
        (TestRequest { target: "/management/accounts/acme/", ..unknown }.request(), Malformed::Path),
        (TestRequest { date: "now", ..unknown }.request(), Malformed::Date),
        (TestRequest { date: stale, ..unknown }.carrying("nobody:nothing").unwrap(), Malformed::Credentials),
        (with_api_key("GET", "/management//logs", "nobody's"), Malformed::Path),
    ] {
        let rejection = present(&layer, unread(request)).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::Malformed(malformed) if *malformed == expected), "{rejection:?}");
    }
    assert_eq!(asked.load(SeqCst), 0);
}

#[tokio::test]
async fn stale_request_is_rejected_before_lookup() {
    let (layer, asked) = counted();
    let stale = TestRequest { date: &seconds_from_then(-301), key_id: "nobody", ..TestRequest::CREATE };
    let rejection = present(&layer, unread(stale.request())).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::DateOutOfTolerance { .. }), "{rejection:?}");
    assert_eq!(asked.load(SeqCst), 0);

    present(&layer, TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(asked.load(SeqCst), 1, "once for each request of good form");
}

#[tokio::test]
async fn unknown_key_is_rejected_before_reading() {
    for request in [
        TestRequest { key_id: "nobody", ..TestRequest::CREATE }.request(),
        with_api_key("POST", TEAMS, "nobody's"),
        with_api_key("POST", USERS, "nobody's"),
    ] {
        let rejection = present(&verifier(), unread(request)).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::UnknownKey), "{rejection:?}");
    }
}

#[tokio::test]
async fn weak_key_is_rejected_before_reading() {
    for (path, key) in [(TEAMS, READ_ONLY_KEY), (LOGS, READ_ONLY_KEY), (USERS, READ_ONLY_KEY), (USERS, READ_WRITE_KEY)]
    {
        let rejection = present(&verifier(), unread(with_api_key("POST", path, key))).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::Forbidden { .. }), "{rejection:?}");
    }
}

#[tokio::test]
async fn failing_store_is_reported_before_reading() {
    let layer = verifier_with(failing("no connection"));
    let rejection = present(&layer, unread(TestRequest::CREATE.request())).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::KeyStoreUnavailable { .. }), "{rejection:?}");
}

#[tokio::test]
async fn declared_size_over_limit_is_rejected_before_reading() {
    let request = TestRequest::CREATE.request().map(|_| Body::new(PanicOnPoll { claimed: 65 }));
    let rejection = present(&verifier().body_limit(64).drain_rejected(0), request).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::BodyTooLarge { limit: Some(64), .. }), "{rejection:?}");

    let request = TestRequest::CREATE.request().map(|_| Body::new(PanicOnPoll { claimed: 16 * 1024 * 1024 + 1 }));
    let rejection = present(&verifier(), request).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::BodyTooLarge { limit: Some(16_777_216), .. }), "{rejection:?}");
}

#[tokio::test]
async fn body_over_limit_is_rejected_whatever_its_signature() {
    let layer = verifier().body_limit(8).drain_rejected(0);
    // Not a byte more is waited for: the script stalls there.
    let acts = [Act::Data(b"12345678"), Act::Pending, Act::Data(b"9"), Act::Stall];
    for draft in [TestRequest::CREATE, TestRequest { key: "another-key", ..TestRequest::CREATE }] {
        let rejection = with_timeout(present(&layer, scripted(draft.request(), acts.clone()))).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::BodyTooLarge { limit: Some(8), .. }), "{rejection:?}");
    }
}

#[tokio::test]
async fn body_of_exactly_the_limit_passes() {
    let draft = TestRequest { body: b"12345678", ..TestRequest::CREATE };
    let chunks = [Act::Data(b"1234"), Act::Pending, Act::Data(b"5678")];
    for request in [draft.request(), scripted(draft.request(), chunks)] {
        let passed = present(&verifier().body_limit(8), request).await.unwrap();
        assert_eq!(passed.body(), "12345678");
    }
    let empty = present(&verifier().body_limit(0), TestRequest::LIST.request()).await.unwrap();
    assert_eq!(empty.body(), "");
}

#[tokio::test]
async fn api_key_body_is_not_limited() {
    let acts = [Act::Bytes(Bytes::from(vec![7; 100_000])), Act::Data(b"8")];
    let request = scripted(with_api_key("POST", TEAMS, READ_WRITE_KEY), acts);
    let passed = present(&verifier().body_limit(0), request).await.unwrap();
    assert_eq!(passed.body().len(), 100_001);
}

#[tokio::test]
async fn date_tolerance_is_inclusive_both_ways() {
    let default = 300;
    for (layer, tolerance) in [
        (verifier(), default),
        (verifier().date_tolerance(Duration::from_secs(7)), 7),
        (verifier().date_tolerance(Duration::ZERO), 0),
        (verifier().date_tolerance(Duration::from_millis(1999)), 1),
        (verifier().date_tolerance(Duration::from_secs(1_000_000_000)), 1_000_000_000),
    ] {
        for sign in [-1, 1] {
            let inside = seconds_from_then(sign * tolerance);
            let draft = TestRequest { date: &inside, ..TestRequest::CREATE };
            assert!(present(&layer, draft.request()).await.is_ok(), "{inside} within {tolerance} s");

            let outside = seconds_from_then(sign * (tolerance + 1));
            let draft = TestRequest { date: &outside, ..TestRequest::CREATE };
            let rejection = present(&layer, draft.request()).await.unwrap_err();
            assert!(
                matches!(rejection.reason(), Reason::DateOutOfTolerance { .. }),
                "{outside} within {tolerance} s: {rejection:?}"
            );
        }
    }
}

#[tokio::test]
async fn maximal_tolerance_accepts_any_date() {
    let layer = verifier().date_tolerance(Duration::MAX);
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", DATE, "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert!(present(&layer, TestRequest { date, ..TestRequest::CREATE }.request()).await.is_ok(), "{date}");
    }
}

#[tokio::test]
async fn api_key_needs_no_date() {
    let mut request = with_api_key("GET", LOGS, READ_ONLY_KEY);
    request.headers_mut().insert("date", "whenever".parse().unwrap());
    assert!(present(&verifier(), request).await.is_ok());
}

#[tokio::test]
async fn clock_out_of_range_rejects_signatures() {
    let before_1970 = || SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    for layer in [verifier().clock(before_1970), verifier().clock(at(253_402_300_800))] {
        let layer = layer.date_tolerance(Duration::MAX);
        let rejection = present(&layer, TestRequest::LIST.request()).await.unwrap_err();
        assert!(matches!(rejection.reason(), Reason::DateOutOfTolerance { .. }), "{rejection:?}");
        assert!(present(&layer, with_api_key("GET", LOGS, READ_ONLY_KEY)).await.is_ok());
    }
}

/// User code never sees a body that was not verified.
#[tokio::test]
async fn unverified_body_is_not_rebuilt() {
    let layer = verifier().rebuild_body(|_: tower_logentries_auth::BufferedBody| -> Body { panic!("rebuilt") });
    let unreachable =
        service_fn(async |_: Request<Body>| -> Result<http::Response<Body>, Infallible> { panic!("called") });
    let request = TestRequest { key: "another-key", ..TestRequest::CREATE }.request();
    assert_eq!(layer.layer(unreachable).oneshot(request).await.unwrap().status(), 401);
}
