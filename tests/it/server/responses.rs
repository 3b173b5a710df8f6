//! What the verifying layer refuses, and what it answers.

use std::{convert::Infallible, error::Error, future::ready, io};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    KeyStore, LogentriesVerifyLayer, Rejection,
    server::{PresentedKey, StoredKey},
};

use crate::support::{
    LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS,
    bodies::{Act, Scripted},
    credentials,
    server::serve,
    sockets::Socket,
    verifying::{DATE, TestRequest, verifier_with, with_api_key},
    whole_error,
};

/// The error of a failing store, which no client may see.
const STORE_FAILURE: &str = "postgres://admin:s3cret@db refused";

/// All three keys; the id `down` makes the look-up fail. Bodies of up to 256 bytes.
fn layer() -> LogentriesVerifyLayer<impl KeyStore<Future: Send> + Send + Sync + 'static> {
    let store = |presented: PresentedKey| match &presented {
        PresentedKey::OwnerKeyId(id) if &**id == "down" => ready(Err(io::Error::other(STORE_FAILURE))),
        _ => ready(Ok::<Option<StoredKey>, _>(credentials().lookup(presented).into_inner().unwrap())),
    };
    verifier_with(store).body_limit(256)
}

/// The answer of a layer around a service that must not be reached.
async fn refuse(request: Request<Body>) -> Response<Bytes> {
    let unreachable = service_fn(|_: Request<Body>| async { panic!("a refused request went through") });
    let unreachable = unreachable.map_response(|never: Infallible| -> Response<Body> { match never {} });
    let response = layer().layer(unreachable).oneshot(request).await;
    let (head, body) = response.unwrap_or_else(|error: Infallible| match error {}).into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn create(acts: impl IntoIterator<Item = Act>) -> Request<Body> {
    TestRequest::CREATE.request().map(|_| Body::new(Scripted::new(acts)))
}

/// A request for every kind of refusal; its name, status, code and message.
fn refusals() -> Vec<(Request<Body>, &'static str, u16, &'static str, &'static str)> {
    let anonymous = Request::get(LOGS).body(Body::empty()).unwrap();
    let both = Request::get(LOGS).header("x-api-key", "a").header("authorization-api-key", "b:c").body(Body::empty());
    let unsigned = TestRequest::CREATE.carrying("f2a5b1de:c2lnbmF0dXJl").unwrap();
    let stale = TestRequest { date: "Thu, 17 Aug 2017 20:00:00 GMT", ..TestRequest::CREATE }.request();
    let undated = TestRequest { date: "yesterday", ..TestRequest::CREATE }.request();
    let untyped = TestRequest { content_type: "text/pl\u{e4}in", ..TestRequest::CREATE }.request();
    let unheard_of = TestRequest { method: "PROPFIND", ..TestRequest::CREATE }.request();
    let slashed = TestRequest { target: "/management/accounts/acme/", ..TestRequest::CREATE }.request();
    let by_nobody = TestRequest { key_id: "nobody", ..TestRequest::CREATE }.request();
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE }.request();
    let while_down = TestRequest { key_id: "down", ..TestRequest::CREATE }.request();
    let broken = create([Act::Data(b"half"), Act::Fail("connection reset by 10.0.0.7")]);
    let short = TestRequest::CREATE.request().map(|_| Body::new(Scripted::new([Act::Data(b"half")]).claiming(8)));
    let trailed = create([
        Act::Data(TestRequest::CREATE.body),
        Act::Trailers(HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())])),
    ]);
    let long = TestRequest { body: &[b' '; 257], ..TestRequest::CREATE }.request();
    let unknown = "the key is unknown or the signature is invalid";
    let duplicate = "send one x-api-key or one authorization-api-key header";
    let form = "authorization-api-key takes a key id of at most 256 bytes, a colon and the base64 of 20 bytes";
    let date = "a signed request takes one Date header, as in Thu, 17 Aug 2017 20:16:24 GMT";
    let content_type = "a signed request takes at most one Content-Type header, of visible ASCII";
    let path = "the path is ambiguous: no empty or dot segments, no encoded slashes or letters, \
                no slash at the end of a signed one";
    vec![
        (
            anonymous,
            "MissingCredentials",
            401,
            "unauthorized",
            "send an x-api-key header, or Date and authorization-api-key",
        ),
        (with_api_key("GET", LOGS, "nobody's"), "UnknownKey", 401, "unauthorized", unknown),
        (by_nobody, "UnknownKey", 401, "unauthorized", unknown),
        (forged, "InvalidSignature", 401, "unauthorized", unknown),
        (stale, "DateOutOfTolerance", 401, "unauthorized", "the Date is too far from the server's time"),
        (
            with_api_key("GET", TEAMS, READ_ONLY_KEY),
            "Forbidden { required: ReadWrite, granted: ReadOnly, key_id: None }",
            403,
            "forbidden",
            "the key does not grant access to this resource",
        ),
        (both.unwrap(), "Malformed(DuplicateCredentials)", 400, "bad_request", duplicate),
        (unsigned, "Malformed(Credentials)", 400, "bad_request", form),
        (undated, "Malformed(Date)", 400, "bad_request", date),
        (untyped, "Malformed(ContentType)", 400, "bad_request", content_type),
        (unheard_of, "Malformed(Method)", 400, "bad_request", "this method cannot be signed"),
        (slashed, "Malformed(Path)", 400, "bad_request", path),
        (with_api_key("GET", "/a//b", READ_WRITE_KEY), "Malformed(Path)", 400, "bad_request", path),
        (broken, "ReadBody {", 400, "bad_request", "the body could not be read"),
        (short, "BodyLengthMismatch { read: 4 }", 400, "bad_request", "the length of the body contradicts its headers"),
        (trailed, "UnsupportedTrailers", 400, "bad_request", "trailers are not accepted here"),
        (long, "BodyTooLarge { limit: 256 }", 413, "body_too_large", "the body is too large"),
        (while_down, "KeyStoreUnavailable {", 503, "unavailable", "keys cannot be looked up at the moment"),
    ]
}

#[tokio::test]
async fn status_code_and_message_of_each_rejection() {
    for (request, name, status, code, message) in refusals() {
        let response = refuse(request).await;
        assert_eq!(response.status(), status, "{name}");
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json, serde_json::json!({ "errorCode": code, "message": message }), "{name}");
    }
}

#[tokio::test]
async fn headers_of_each_rejection() {
    for (request, name, status, ..) in refusals() {
        let response = refuse(request).await;
        let challenge = (status == 401).then_some(("www-authenticate", "Logentries"));
        let expected = [("content-type", "application/json"), ("date", DATE)].into_iter().chain(challenge);
        let expected: HeaderMap =
            expected.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        assert_eq!(response.headers(), &expected, "{name}");
    }
}

#[tokio::test]
async fn extension_of_each_rejection() {
    for (request, name, status, ..) in refusals() {
        let response = refuse(request).await;
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert!(format!("{rejection:?}").starts_with(name), "{rejection:?} instead of {name}");
        assert_eq!(rejection.status(), status);
    }
}

#[tokio::test]
async fn responses_repeat_nothing_that_was_sent() {
    for (request, name, ..) in refusals() {
        let mut secrets: Vec<_> =
            [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, STORE_FAILURE, "10.0.0.7", "nobody", "acme"].into();
        let credential = request.headers().get("authorization-api-key").cloned();
        let credential = credential.as_ref().map_or("::", |value| value.to_str().unwrap());
        secrets.extend(credential.split(':').filter(|part| part.len() > 1));
        let response = refuse(request).await;
        let told = format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body()));
        for secret in secrets {
            assert!(!told.contains(secret), "{name}: {secret} in {told}");
        }
    }
}

#[tokio::test]
async fn rejections_keep_their_source_and_no_secret() {
    for (request, name, ..) in refusals() {
        let response = refuse(request).await;
        let rejection = response.extensions().get::<Rejection>().unwrap();
        let cause = rejection.source().map(ToString::to_string);
        match name {
            "ReadBody {" => assert!(whole_error(rejection).contains("connection reset by 10.0.0.7"), "{rejection:?}"),
            "KeyStoreUnavailable {" => {
                let source = rejection.source().unwrap().downcast_ref::<io::Error>();
                assert_eq!(source.unwrap().to_string(), STORE_FAILURE);
            }
            _ => assert_eq!(cause, None, "{name}"),
        }
        let told = whole_error(rejection);
        for secret in [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[tokio::test]
async fn invalid_signature_looks_like_unknown_key() {
    let credential = TestRequest::CREATE.credential();
    let changed = [
        TestRequest { method: "PUT", ..TestRequest::CREATE },
        TestRequest { target: "/management/accounts/acme/owners", ..TestRequest::CREATE },
        TestRequest { content_type: "text/plain", ..TestRequest::CREATE },
        TestRequest { date: "Thu, 17 Aug 2017 20:16:25 GMT", ..TestRequest::CREATE },
        TestRequest { body: b"{}", ..TestRequest::CREATE },
    ];
    let mut requests: Vec<_> = changed.iter().map(|draft| draft.carrying(&credential).unwrap()).collect();
    requests.push(TestRequest { key: "another-key", ..TestRequest::CREATE }.request());
    requests.push(TestRequest { key_id: "nobody", ..TestRequest::CREATE }.request());
    let mut answers = Vec::new();
    for request in requests {
        let response = refuse(request).await;
        answers.push((response.status(), response.headers().clone(), response.into_body()));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn unknown_key_and_invalid_signature_are_byte_identical() {
    let origin = serve(Router::new().layer(layer())).await;
    let mut answers = Vec::new();
    for draft in [
        TestRequest { key_id: "nobody", ..TestRequest::CREATE },
        TestRequest { key: "another-key", ..TestRequest::CREATE },
    ] {
        let mut socket = Socket::connect(&origin).await;
        let head = format!(
            "POST {USERS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ndate: {DATE}\r\ncontent-length: {}\r\n",
            draft.body.len()
        );
        socket.send(format!("{head}authorization-api-key: {}\r\n\r\n", draft.credential())).await;
        socket.send(draft.body).await;
        answers.push(socket.receive().await);
    }
    assert_eq!(answers[0], answers[1]);
    let body = r#"{"errorCode":"unauthorized","message":"the key is unknown or the signature is invalid"}"#;
    let length = body.len();
    assert_eq!(
        answers[0],
        format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ndate: {DATE}\r\n\
             www-authenticate: Logentries\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    );
}

/// hyper's HTTP/2 client resets the stream where the answer to HEAD has a body.
#[tokio::test]
async fn rejected_head_has_length_and_no_body() {
    let bodies = async |method: &str| {
        let request = Request::builder().method(method).uri(LOGS).body(Body::empty()).unwrap();
        let unreachable = service_fn(|_: Request<Body>| async { panic!("a refused request went through") });
        let response: Result<Response<_>, Infallible> = layer().layer(unreachable).oneshot(request).await;
        let response: Response<tower_logentries_auth::server::ResponseBody<Body>> = response.unwrap();
        let length = response.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
        (length, response.into_body().collect().await.unwrap().to_bytes().len().to_string())
    };
    let (none, len) = bodies("GET").await;
    assert_eq!(none, None, "hyper sets it");
    assert_eq!(bodies("HEAD").await, (Some(len), "0".to_owned()));
}
