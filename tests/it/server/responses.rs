//! What the verifying layer rejects, and what it answers.

use std::{convert::Infallible, error::Error, future::ready, io, sync::Arc};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{Credentials, KeyStore, LogentriesVerifyLayer, Rejection, server::key_store_fn};

use crate::support::{
    LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS,
    bodies::{Act, Scripted, trailers},
    credentials,
    server::serve,
    sockets::Socket,
    verifying::{DATE, SharedStore, TestRequest, verifier_with, with_api_key},
    whole_error,
};

/// The error of a failing store, which no client may see.
const STORE_FAILURE: &str = "postgres://admin:s3cret@db refused";

/// All three keys; the id `down` makes the lookup fail. Bodies of up to 256 bytes.
fn layer() -> LogentriesVerifyLayer<impl SharedStore> {
    let store = key_store_fn(
        credentials(),
        |keys: Credentials, id: Arc<str>| {
            ready(match &*id {
                "down" => Err(io::Error::other(STORE_FAILURE)),
                _ => Ok(keys.owner_keys(id).into_inner().unwrap()),
            })
        },
        |keys: Credentials, digest| ready(Ok(keys.api_key(digest).into_inner().unwrap())),
    );
    verifier_with(store).body_limit(256)
}

/// The answer of a layer around a service that must not be reached.
async fn refuse(request: Request<Body>) -> Response<Bytes> {
    let unreachable = service_fn(|_: Request<Body>| async { panic!("a rejected request went through") });
    let unreachable = unreachable.map_response(|never: Infallible| -> Response<Body> { match never {} });
    let response = layer().layer(unreachable).oneshot(request).await;
    let (head, body) = response.unwrap_or_else(|error: Infallible| match error {}).into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn create(acts: impl IntoIterator<Item = Act>) -> Request<Body> {
    TestRequest::CREATE.request().map(|_| Body::new(Scripted::new(acts)))
}

/// A request for every kind of rejection; its kind, status and code.
fn refusals() -> Vec<(Request<Body>, &'static str, u16, &'static str)> {
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
    let trailed = create([Act::Data(TestRequest::CREATE.body), Act::Trailers(trailers())]);
    let long = TestRequest { body: &[b' '; 257], ..TestRequest::CREATE }.request();
    vec![
        (anonymous, "missing_credentials", 401, "unauthorized"),
        (with_api_key("GET", LOGS, "nobody's"), "unknown_key", 401, "unauthorized"),
        (by_nobody, "unknown_key", 401, "unauthorized"),
        (forged, "invalid_signature", 401, "unauthorized"),
        (stale, "date_out_of_tolerance", 401, "unauthorized"),
        (with_api_key("GET", TEAMS, READ_ONLY_KEY), "forbidden", 403, "forbidden"),
        (both.unwrap(), "malformed", 400, "bad_request"),
        (unsigned, "malformed", 400, "bad_request"),
        (undated, "malformed", 400, "bad_request"),
        (untyped, "malformed", 400, "bad_request"),
        (unheard_of, "malformed", 400, "bad_request"),
        (slashed, "malformed", 400, "bad_request"),
        (with_api_key("GET", "/a//b", READ_WRITE_KEY), "malformed", 400, "bad_request"),
        (broken, "read_body", 400, "bad_request"),
        (short, "body_length_mismatch", 400, "bad_request"),
        (trailed, "unsupported_trailers", 400, "bad_request"),
        (long, "body_too_large", 413, "body_too_large"),
        (while_down, "key_store_unavailable", 503, "unavailable"),
    ]
}

#[tokio::test]
async fn each_rejection_is_json_that_is_not_stored_and_in_the_extensions() {
    for (request, kind, status, code) in refusals() {
        let response = refuse(request).await;
        assert_eq!(response.status(), status, "{kind}");
        let challenge = (status == 401).then_some(("www-authenticate", "Logentries"));
        let expected = [("content-type", "application/json"), ("cache-control", "no-store"), ("date", DATE)];
        let expected: HeaderMap = expected
            .into_iter()
            .chain(challenge)
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        assert_eq!(response.headers(), &expected, "{kind}");

        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.kind(), rejection.status().as_u16(), rejection.error_code()), (kind, status, code));
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json, serde_json::json!({ "errorCode": code, "message": rejection.public_message() }), "{kind}");
        assert_eq!(response.extensions().get::<tower_logentries_auth::Identity>(), None, "{kind}: nobody passed");
    }
}

#[tokio::test]
async fn responses_repeat_nothing_that_was_sent() {
    for (request, kind, ..) in refusals() {
        let mut secrets: Vec<_> =
            [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, STORE_FAILURE, "10.0.0.7", "nobody", "acme"].into();
        let credential = request.headers().get("authorization-api-key").cloned();
        let credential = credential.as_ref().map_or("::", |value| value.to_str().unwrap());
        secrets.extend(credential.split(':').filter(|part| part.len() > 1));
        let response = refuse(request).await;
        let told = format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body()));
        for secret in secrets {
            assert!(!told.contains(secret), "{kind}: {secret} in {told}");
        }
    }
}

#[tokio::test]
async fn rejections_keep_their_source_and_no_secret() {
    for (request, kind, ..) in refusals() {
        let response = refuse(request).await;
        let rejection = response.extensions().get::<Rejection>().unwrap();
        let cause = rejection.source().map(ToString::to_string);
        match kind {
            "read_body" => assert!(whole_error(rejection).contains("connection reset by 10.0.0.7"), "{rejection:?}"),
            "key_store_unavailable" => {
                let source = rejection.source().unwrap().downcast_ref::<io::Error>();
                assert_eq!(source.unwrap().to_string(), STORE_FAILURE);
            }
            _ => assert_eq!(cause, None, "{kind}"),
        }
        let told = whole_error(rejection);
        crate::support::assert_no_secrets(&told);
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
    let (_, body) = answers[0].split_once("\r\n\r\n").unwrap();
    let length = body.len();
    assert_eq!(
        answers[0],
        format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             date: {DATE}\r\nwww-authenticate: Logentries\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    );
}

/// hyper's HTTP/2 client resets the stream where the answer to HEAD has a body.
#[tokio::test]
async fn rejected_head_has_length_and_no_body() {
    let bodies = async |method: &str| {
        let request = Request::builder().method(method).uri(LOGS).body(Body::empty()).unwrap();
        let unreachable = service_fn(|_: Request<Body>| async { panic!("a rejected request went through") });
        let response: Result<Response<_>, Infallible> = layer().layer(unreachable).oneshot(request).await;
        let response: Response<tower_logentries_auth::server::ResponseBody<Body>> = response.unwrap();
        let length = response.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
        (length, response.into_body().collect().await.unwrap().to_bytes().len().to_string())
    };
    let (none, len) = bodies("GET").await;
    assert_eq!(none, None, "hyper sets it");
    assert_eq!(bodies("HEAD").await, (Some(len), "0".to_owned()));
}
