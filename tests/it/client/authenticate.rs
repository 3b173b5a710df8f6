//! `LogentriesAuthLayer::authenticate`: requests in memory, for clients that are not tower services.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use tower_logentries_auth::{Access, AuthError, BodyDigest, Credentials, LogentriesAuthLayer, client::BodyBytes};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS, at, clients,
    clock::date,
    inner::{RAPID7, key_of, signature_error},
    layer, layer_for,
    server::{record, record_and},
    wire,
};

fn post<B>(target: &str, body: B) -> Request<B> {
    Request::post(format!("{RAPID7}{target}")).body(body).unwrap()
}

/// Signs a body of this type, and checks what was made of it.
#[track_caller]
fn assert_signed<B: BodyBytes + Clone + PartialEq + std::fmt::Debug>(body: B, bytes: &[u8]) {
    let request = layer().authenticate(post(USERS, body.clone())).unwrap();
    assert_eq!(signature_error(&request, bytes), None, "{body:?}");
    let length = request.headers().get("content-length").map(|value| value.as_bytes());
    assert_eq!(length, bytes.is_empty().then_some(&b"0"[..]), "{body:?}");
    assert_eq!(*request.body(), body);
}

#[test]
fn every_type_of_body_is_signed() {
    assert_signed((), b"");
    assert_signed("text", b"text");
    assert_signed("", b"");
    assert_signed("text".to_owned(), b"text");
    assert_signed(&b"bytes"[..], b"bytes");
    assert_signed(b"bytes".to_vec(), b"bytes");
    assert_signed(Bytes::from_static(b"bytes"), b"bytes");
    assert_signed(Box::<[u8]>::from(*b"bytes"), b"bytes");
    assert_signed(*b"array", b"array");
    assert_signed(b"array", b"array");
    assert_signed(Some("text"), b"text");
    assert_signed(None::<Vec<u8>>, b"");
}

#[test]
fn header_is_the_same_in_every_run() {
    let request = layer().clock(at(SIGNED_AT)).authenticate(post(USERS, "a user")).unwrap();
    let signature = wire::signature(OWNER_KEY, "POST", "application/json", &date(SIGNED_AT), USERS, b"a user");
    assert_eq!(request.headers()["authorization-api-key"], format!("{KEY_ID}:{signature}"));
    assert_eq!(request.headers()["date"], date(SIGNED_AT));
}

#[test]
fn framing_is_that_of_a_body_that_was_read() {
    for (method, body, length) in [
        (Method::POST, "", Some("0")),
        (Method::PUT, "", Some("0")),
        (Method::PATCH, "", Some("0")),
        (Method::GET, "", None),
        (Method::DELETE, "", None),
        (Method::POST, "a user", None),
    ] {
        let mut request = post(&format!("{USERS}/?limit=5"), body);
        *request.method_mut() = method;
        let stale = [("content-length", "300"), ("transfer-encoding", "chunked"), ("x-api-key", "stale")];
        for (name, value) in stale {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let request = layer().authenticate(request).unwrap();
        assert_eq!(signature_error(&request, body.as_bytes()), None);
        assert_eq!(request.headers().get("content-length").map(|value| value.to_str().unwrap()), length);
        assert!(!request.headers().contains_key("transfer-encoding"));
        assert_eq!(*request.uri(), *format!("{RAPID7}{USERS}?limit=5"));
    }
}

#[test]
fn limit_and_digest_are_not_looked_at() {
    let mut request = post(USERS, "a user");
    request.extensions_mut().insert(BodyDigest::of("another body"));
    let request = layer().body_limit(0).authenticate(request).unwrap();
    assert_eq!(signature_error(&request, b"a user"), None);
}

#[test]
fn resource_or_access_chooses_the_key() {
    for (target, key) in [(LOGS, READ_WRITE_KEY), (TEAMS, READ_WRITE_KEY)] {
        let request = layer().authenticate(post(target, "a log")).unwrap();
        assert_eq!(request.headers()["x-api-key"], key);
        assert_eq!(request.headers().len(), 1, "nothing else is added: {:?}", request.headers());
    }
    let mut request = post(LOGS, ());
    request.extensions_mut().insert(Access::Owner);
    assert_eq!(key_of(&layer().authenticate(request).unwrap()), Some(Access::Owner));
    let get = Request::get(format!("{RAPID7}{LOGS}")).body(()).unwrap();
    assert_eq!(layer().authenticate(get).unwrap().headers()["x-api-key"], READ_ONLY_KEY);
}

#[test]
fn failures_are_those_of_a_service() {
    let error = |layer: LogentriesAuthLayer, request| layer.authenticate(request).unwrap_err();
    let untrusted = Request::get(format!("https://a.example{LOGS}")).body(()).unwrap();
    assert!(matches!(error(layer(), untrusted), AuthError::UntrustedOrigin { .. }));
    let relative = || Request::get(USERS).body(()).unwrap();
    assert!(matches!(error(layer(), relative()), AuthError::MissingAuthority));
    let read_only = LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap());
    let insufficient = error(read_only, post(USERS, ()));
    assert!(matches!(insufficient, AuthError::InsufficientAccess { required: Access::Owner, .. }));
    let before_1970 = layer().clock(|| std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1));
    assert!(matches!(error(before_1970, post(USERS, ())), AuthError::ClockOutOfRange));

    let assuming = layer().assume_origin(RAPID7).unwrap();
    assert_eq!(signature_error(&assuming.authenticate(relative()).unwrap(), b""), None);
}

/// No response is seen, so no clock is corrected. One that a service of the layer has corrected counts.
#[tokio::test]
async fn date_has_the_offset_that_a_service_measured() {
    let refusal =
        |_: &_| http::Response::builder().status(401).header("date", date(SIGNED_AT + 600)).body(Body::empty());
    let (origin, recording) = record_and(move |received| refusal(received).unwrap()).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let request = || Request::get(format!("{origin}{USERS}")).body("").unwrap();
    let client = clients::builder().build().unwrap();
    for second in [SIGNED_AT, SIGNED_AT] {
        client.execute(layer.authenticate(request()).unwrap().try_into().unwrap()).await.unwrap();
        assert_eq!(recording.only().header("date"), Some(&*date(second)));
    }
    let service = tower::Layer::layer(&layer, crate::support::hyper_client());
    tower::ServiceExt::oneshot(service, request().map(Body::from)).await.unwrap();
    assert_eq!(layer.authenticate(request()).unwrap().headers()["date"], date(SIGNED_AT + 600));
}

/// A client that follows no redirects, as it has to: it would send the credentials along.
#[tokio::test]
async fn credentials_reach_one_server() {
    let (foreign, unreached) = record().await;
    let (origin, recording) = record_and(move |received| {
        let location = format!("{foreign}{}", received.target);
        http::Response::builder().status(307).header("location", location).body(Body::empty()).unwrap()
    })
    .await;
    let layer = layer_for(&origin);
    let client = clients::builder().build().unwrap();
    for (method, target, body) in [(Method::POST, USERS, "a user"), (Method::POST, USERS, ""), (Method::GET, LOGS, "")]
    {
        let request = Request::builder().method(method).uri(format!("{origin}{target}")).body(body).unwrap();
        let request = layer.authenticate(request).unwrap();
        let response = client.execute(request.try_into().unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let received = recording.only();
        match target {
            USERS => assert_eq!((received.signature_error(), &received.body[..]), (None, body.as_bytes())),
            _ => assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY)),
        }
    }
    assert!(unreached.take().is_empty());
}
