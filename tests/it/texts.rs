//! The one place that pins what errors say. Everywhere else tests assert the variant.

use std::{convert::Infallible, error::Error, io, time::SystemTime};

use axum::body::Body;
use http::{HeaderValue, Request, header::CONTENT_TYPE};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_logentries_auth::{
    Access, AuthError, Credentials, CredentialsError, LogentriesAuthLayer, OwnerKey, RejectReplaysLayer, Rejection,
    Signature,
    replay::{MemoryReplayGuard, ReplayGuard},
    server::{MemoryKeyStore, PresentedKey, Reason, StoredApiKey, VerifiedSignature},
};

use crate::support::{
    KEY_ID, LOGS, READ_ONLY_KEY, SIGNED_AT, TEAMS, USERS,
    bodies::{Act, Scripted, trailers},
    clock::date,
    inner::{RAPID7, pass},
    layer,
    verifying::{TestRequest, always, failing, present, verifier, verifier_with, with_api_key},
};

#[track_caller]
fn assert_texts<E: Error>(texts: impl IntoIterator<Item = (E, &'static str)>) {
    for (error, text) in texts {
        assert_eq!(error.to_string(), text, "{error:?}");
    }
}

/// The error of a client for a request without a body, as `change` leaves it.
fn refused(uri: &str, change: impl FnOnce(&mut Request<()>)) -> AuthError {
    let mut request = Request::post(uri).body(()).unwrap();
    change(&mut request);
    layer().authenticate(request).unwrap_err()
}

#[test]
fn auth_error_about_an_origin() {
    let users = |origin: &str| format!("{origin}{USERS}");
    assert_texts([
        (
            refused(&users("http://example.com:8080"), |_| {}),
            "no credentials go to http://example.com:8080, an untrusted origin: see `LogentriesAuthLayer::trust_origin`",
        ),
        (
            refused(&users("http://rest.logentries.com"), |_| {}),
            "no credentials go to http://rest.logentries.com in plain text: use https://",
        ),
        (
            refused(&users("https://user@rest.logentries.com"), |_| {}),
            "ambiguous authority: use http or https, a host and a port, and no userinfo",
        ),
        (refused(USERS, |_| {}), "the URI has no authority: set one, or `LogentriesAuthLayer::assume_origin`"),
        (
            refused(&users(RAPID7), |request| {
                request.headers_mut().insert("host", "example.com".parse().unwrap());
            }),
            "the Host header contradicts https://rest.logentries.com: remove it",
        ),
    ]);
}

#[test]
fn auth_error_about_a_head() {
    let users = format!("{RAPID7}{USERS}");
    let read_only = LogentriesAuthLayer::new(Credentials::read_only("key").unwrap());
    let far = LogentriesAuthLayer::new(Credentials::owner("id", "key").unwrap())
        .clock(|| SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1));
    let content_type = |value: &'static str| {
        move |request: &mut Request<()>| {
            request.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            request.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
    };
    assert_texts([
        (
            read_only.authenticate(Request::post(&users).body(()).unwrap()).unwrap_err(),
            "no configured key grants owner access, which this resource requires: add one, or override the table \
             with an `Access` in the request's extensions, or with `LogentriesAuthLayer::access`",
        ),
        (
            refused(&users, |request| *request.method_mut() = "PURGE".parse().unwrap()),
            "a request with method PURGE cannot be signed: use a registered method such as POST",
        ),
        (
            refused(&users, content_type("text/html")),
            "a request with two Content-Type headers cannot be signed: send one",
        ),
        (
            refused(&users, |request| {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_bytes(b"t\xe4xt").unwrap());
            }),
            "use a Content-Type of visible ASCII without whitespace at its ends, or none",
        ),
        (
            far.authenticate(Request::post(&users).body(()).unwrap()).unwrap_err(),
            "the clock is outside the years 1970 to 9999, which no Date can express: set it",
        ),
    ]);
    assert_texts([(
        AuthError::MissingPath,
        "a request without a path cannot be signed: use a target that starts with '/'",
    )]);
    assert_texts([(AuthError::TooManyHeaders, "the request has too many headers to add credentials: send fewer")]);
}

#[tokio::test]
async fn auth_error_about_a_body() {
    let refused = async |layer: LogentriesAuthLayer, body: Scripted| {
        let request = Request::post(format!("{RAPID7}{USERS}")).body(Body::new(body)).unwrap();
        pass(&layer, request).await.unwrap_err()
    };
    let data = || Scripted::new([Act::Data(b"some "), Act::Data(b"body")]);
    assert_texts([
        (
            refused(layer().body_limit(8), data()).await,
            "the body is longer than the 8 bytes that are buffered to be signed: \
             raise `body_limit`, or add a `BodyDigest` to the request's extensions so that the body streams",
        ),
        (
            refused(layer(), Scripted::new([Act::Fail("the disk is gone")])).await,
            "failed to read the request body that has to be signed",
        ),
        (
            refused(layer(), Scripted::new([Act::Data(b"some b")]).claiming(9)).await,
            "the body had 6 bytes, unlike its size hint",
        ),
        (
            refused(layer(), Scripted::new([Act::Trailers(trailers())])).await,
            "the body's type cannot carry its trailers: use `rebuild_body`, or send none",
        ),
        (AuthError::service(io::Error::other("the disk is gone")), "the inner service failed"),
    ]);
}

#[test]
fn credentials_error() {
    let of = |key: &str| Credentials::owner("id", key).unwrap_err();
    let names = |set: &'static [&'static str]| {
        Credentials::from_lookup(move |name| set.contains(&name).then_some("value")).unwrap_err()
    };
    assert_texts([
        (of(""), "owner key is empty: copy it from the account's API keys"),
        (of("key\n"), "owner key contains whitespace, often a line break at its end: remove it"),
        (of("k\u{7}y"), "owner key contains a control character: copy it again"),
        (of("k\u{e4}y"), "owner key contains a character outside ASCII: copy it again"),
        (OwnerKey::new("id:", "key").unwrap_err(), "owner key id contains a ':': pass the key as a value of its own"),
        (
            names(&["LOGENTRIES_OWNER_API_KEY"]),
            "LOGENTRIES_OWNER_API_KEY is set without LOGENTRIES_OWNER_API_KEY_ID: set both, or neither",
        ),
        (
            names(&[]),
            "no Logentries key was found: set LOGENTRIES_OWNER_API_KEY_ID and LOGENTRIES_OWNER_API_KEY, \
             LOGENTRIES_PLATFORM_API_KEY, LOGENTRIES_RW_API_KEY or LOGENTRIES_RO_API_KEY",
        ),
    ] as [(CredentialsError, _); 7]);
}

/// The text for everything that is not an origin.
pub(crate) const NOT_AN_ORIGIN: &str = "not an origin: pass a scheme, a host and, unless it is the default, a port, \
    as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)";

#[test]
fn parse_errors() {
    let origin = |text| layer().trust_origin(text).unwrap_err();
    assert_texts([
        (origin("rest.logentries.com"), NOT_AN_ORIGIN),
        (origin("http://127.0.0.1:8080/api"), "not an origin but a URL: cut off what follows the host and the port"),
        (
            origin("http://rest.logentries.com"),
            "Rapid7's hosts are trusted over https only: use https:// in the request's URI",
        ),
    ]);
    assert_texts([(
        "c2lnbmF0dXJl".parse::<Signature>().unwrap_err(),
        "invalid text: expected 28 characters of base64, with padding, that encode 20 bytes",
    )]);
    assert_texts([
        ("owner!".parse::<Access>().unwrap_err(), "invalid text: expected `read-only`, `read/write` or `owner`"),
        (
            "secret".parse::<PresentedKey>().unwrap_err(),
            "invalid text: expected `owner-key-id:` and an id, or `api-key:` and 64 hex digits",
        ),
    ]);
}

#[test]
fn duplicate_key_error() {
    let keys = Credentials::read_only("key").unwrap();
    let store = MemoryKeyStore::new();
    store.insert("acme", &keys).unwrap();
    assert_texts([(
        store.insert("globex", &keys).unwrap_err(),
        r#"a key of account "globex" belongs to another account: give each account its own keys"#,
    )]);
}

/// What operators read, and what the client is told.
#[tokio::test]
async fn rejection() {
    let rejected = async |request| present(&verifier(), request).await.unwrap_err();
    let body = async |body: Scripted| rejected(TestRequest::CREATE.request().map(|_| Body::new(body))).await;
    let unknown = "the key is unknown or the signature is invalid";
    let path = "the path is ambiguous: no empty or dot segments, no encoded slashes or letters, \
                no slash at the end of a signed one";
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
    let nobody = TestRequest { key_id: "nobody", ..TestRequest::CREATE };
    let of_date = async |offset: i64| {
        let date = date(SIGNED_AT.checked_add_signed(offset).unwrap());
        rejected(TestRequest { date: &date, ..TestRequest::CREATE }.request()).await
    };
    let credentials = "send x-api-key or a signature";
    let too_far = "the Date is too far off";
    let too_large = "the body is too large";
    for (rejection, for_operators, public) in [
        (rejected(Request::get(LOGS).body(Body::empty()).unwrap()).await, credentials, credentials),
        (rejected(nobody.request()).await, "the key is unknown", unknown),
        (rejected(forged.request()).await, "the signature is invalid", unknown),
        (of_date(301).await, "the Date is 301 seconds ahead of the server's clock", too_far),
        (of_date(-18_003).await, "the Date is 18003 seconds behind the server's clock", too_far),
        (
            rejected(with_api_key("POST", TEAMS, READ_ONLY_KEY)).await,
            "the key grants read-only access, not read/write",
            "the key does not grant access to this resource",
        ),
        (rejected(with_api_key("GET", "//", READ_ONLY_KEY)).await, path, path),
        (
            body(Scripted::new([Act::Fail("the disk is gone")])).await,
            "the body could not be read",
            "the body could not be read",
        ),
        (
            body(Scripted::new([Act::Data(b"123456")]).claiming(7)).await,
            "the body had 6 bytes, which contradicts its size hint",
            "the body's length is wrong",
        ),
        (
            body(Scripted::new([Act::Data(TestRequest::CREATE.body), Act::Trailers(trailers())])).await,
            "trailers are not accepted here",
            "trailers are not accepted here",
        ),
        (
            present(&verifier().body_limit(8), TestRequest::CREATE.request()).await.unwrap_err(),
            "the body is longer than 8 bytes",
            too_large,
        ),
        (
            present(&verifier_with(failing("s3cret")), TestRequest::CREATE.request()).await.unwrap_err(),
            "keys are unavailable",
            "keys are unavailable",
        ),
    ] {
        assert_eq!((&*rejection.to_string(), rejection.public_message()), (for_operators, public));
    }
}

#[test]
fn malformed() {
    use tower_logentries_auth::server::Malformed;

    for (malformed, text) in [
        (Malformed::DuplicateCredentials, "send one x-api-key or one authorization-api-key header"),
        (
            Malformed::Credentials,
            "authorization-api-key takes a key id of at most 256 bytes, a colon and the base64 of 20 bytes",
        ),
        (Malformed::Date, "a signed request takes one Date header, as in Thu, 17 Aug 2017 20:16:24 GMT"),
        (Malformed::ContentType, "a signed request takes at most one Content-Type header, of visible ASCII"),
        (Malformed::Method, "this method cannot be signed"),
    ] {
        assert_eq!(malformed.to_string(), text);
    }
}

#[tokio::test]
async fn rejection_of_a_replay() {
    let rejected =
        async |service: &mut (dyn Send + FnMut() -> Request<Body>), guard: MemoryReplayGuard, verifies: bool| {
            let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(http::Response::new(Body::empty())));
            let replays = RejectReplaysLayer::new(guard).layer(inner);
            let response = match verifies {
                true => verifier().layer(replays).call(service()).await.unwrap().map(Body::new),
                false => replays.oneshot(service()).await.unwrap().map(Body::new),
            };
            response.extensions().get::<Rejection>().cloned()
        };
    let mut create = || TestRequest::CREATE.request();
    let guard = MemoryReplayGuard::new();
    assert!(rejected(&mut create, guard.clone(), true).await.is_none());
    for (rejection, text) in [
        (
            rejected(&mut create, guard.clone(), true).await,
            "a request with this signature was received before: sign it again, with another date",
        ),
        (rejected(&mut create, MemoryReplayGuard::with_capacity(0), true).await, "the guard is unavailable"),
        (
            rejected(&mut create, guard, false).await,
            "requests are not authenticated here: add LogentriesVerifyLayer outside",
        ),
    ] {
        let rejection = rejection.unwrap();
        assert_eq!((&*rejection.to_string(), rejection.public_message()), (text, text));
    }
    assert_eq!(Reason::Expired.to_string(), "the Date expired before the request was complete");

    let now = SystemTime::now();
    let signature = VerifiedSignature::new(KEY_ID, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap(), now, now);
    let full = MemoryReplayGuard::with_capacity(0).record(signature).await.unwrap_err();
    assert_texts([
        (
            full,
            "the guard has no room for another signature: raise its capacity of 0 with \
             `MemoryReplayGuard::with_capacity`, or lower the date tolerance or upload duration",
        ),
        (
            tower_logentries_auth::replay::MemoryReplayGuardError::Forgotten,
            "signatures of this date were forgotten, because the server's clock was ahead before it was set back",
        ),
    ]);
}

/// An API key may have any id and account: neither is told to a client.
#[tokio::test]
async fn identities_are_not_in_texts() {
    let key = StoredApiKey::new(Access::ReadOnly).with_id("dashboard").with_account("acme");
    let layer = verifier_with(always([], Some(key)));
    let rejection = present(&layer, with_api_key("POST", TEAMS, "any")).await.unwrap_err();
    let told = format!("{rejection} {}", rejection.public_message());
    assert!(!told.contains("dashboard") && !told.contains("acme"), "{told}");
    let source: Option<BoxError> = rejection.source().map(|source| source.to_string().into());
    assert!(source.is_none());
}
