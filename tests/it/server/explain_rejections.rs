//! What the response to an invalid signature says, if it is to say what is wrong.

use axum::{Router, body::Body};
use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_logentries_auth::{
    LogentriesVerifyLayer, OwnerKey, Rejection,
    explain::Mistake,
    server::{Explain, Reason, SignatureMismatch},
};
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, assert_no_secrets,
    bodies::{Act, Scripted},
    clock::date,
    log::Log,
    verifying::{DATE, SharedStore, TestRequest, always, present, verifier, verifier_with, with_api_key},
    whole_error, wire,
};

const MESSAGE: &str = "the key is unknown or the signature is invalid";

/// The response of a layer that explains, and its body.
async fn response<K>(layer: LogentriesVerifyLayer<K>, request: Request<Body>) -> Response<String>
where
    K: SharedStore,
{
    let app = Router::new().fallback(|| async {}).layer(layer);
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.into()).unwrap())
}

async fn json_of(request: Request<Body>) -> Value {
    serde_json::from_str(response(verifier().explain_rejections(Explain::Response), request).await.body()).unwrap()
}

/// A request under a signature that was made for what `signed` says.
fn mistaken(sent: TestRequest<'_>, signed: TestRequest<'_>) -> Request<Body> {
    sent.carrying(signed.credential()).unwrap()
}

fn lower_case() -> Request<Body> {
    mistaken(TestRequest::CREATE, TestRequest { method: "post", ..TestRequest::CREATE })
}

#[tokio::test]
async fn response_has_canonical_string_and_codes() {
    let response = response(verifier().explain_rejections(Explain::Response), lower_case()).await;
    let digest = "KLK543n6ZctyUvJliII74jpVcGqsO80uRwgcpqB3AqM=";
    let canonical = format!("POSTapplication/json{DATE}management/accounts/acme/users{digest}");
    let json = format!(
        r#"{{"errorCode":"unauthorized","message":"{MESSAGE}","canonicalString":"{canonical}","mistakes":["method-case"]}}"#
    );
    assert_eq!((response.status().as_u16(), response.body()), (401, &json));
}

#[tokio::test]
async fn two_mistakes_are_both_named() {
    let signed = TestRequest { content_type: "", method: "Post", ..TestRequest::CREATE };
    let mistakes = &json_of(mistaken(TestRequest::CREATE, signed)).await["mistakes"];
    assert_eq!(*mistakes, json!(["method-case", "content-type-omitted"]));
}

#[tokio::test]
async fn no_usual_mistake_is_an_empty_list() {
    let other_key = TestRequest { key: "another-key", ..TestRequest::LIST };
    let json = json_of(other_key.request()).await;
    assert_eq!(json["mistakes"], json!([]));
    assert!(json["canonicalString"].as_str().unwrap().starts_with("GETapplication/json"), "{json}");
}

/// What was computed for a rejected signature.
fn mismatch(rejection: &Rejection) -> &SignatureMismatch {
    let Reason::InvalidSignature(mismatch) = rejection.reason() else { panic!("{rejection:?}") };
    mismatch
}

#[tokio::test]
async fn response_says_nothing_unless_set() {
    for layer in [verifier(), verifier().explain_rejections(Explain::Log)] {
        let response = response(layer, lower_case()).await;
        assert_eq!(*response.body(), format!(r#"{{"errorCode":"unauthorized","message":"{MESSAGE}"}}"#));
    }
}

#[tokio::test]
async fn mistakes_are_for_operators_where_they_are_searched_for() {
    let searched = async |layer: LogentriesVerifyLayer<_>| {
        let (rejected, log) = Log::of(present(&layer, lower_case())).await;
        let mistakes = mismatch(&rejected.unwrap_err()).mistakes().to_vec();
        (mistakes, log.contains(r#"mistakes=["method-case"]"#))
    };
    assert_eq!(searched(verifier()).await, (vec![], false));
    for explain in [Explain::Log, Explain::Response] {
        let found = searched(verifier().explain_rejections(explain)).await;
        assert_eq!(found, (vec![Mistake::MethodCase], true), "{explain:?}");
    }
}

/// The search costs time, and nobody would learn what it finds.
#[tokio::test]
async fn log_searches_only_where_the_event_is_enabled() {
    let _nobody_listens = tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).set_default();
    for (explain, found) in [(Explain::Log, &[][..]), (Explain::Response, &[Mistake::MethodCase])] {
        let rejection = present(&verifier().explain_rejections(explain), lower_case()).await.unwrap_err();
        assert_eq!(mismatch(&rejection).mistakes(), found, "{explain:?}");
    }
}

/// Only an invalid signature is explained: all else is said already, or nobody's business.
#[tokio::test]
async fn other_rejections_stay_as_they_are() {
    let stale = date(crate::support::SIGNED_AT - 1_000);
    for request in [
        TestRequest { key_id: "nobody", ..TestRequest::CREATE }.request(),
        TestRequest { date: &stale, ..TestRequest::CREATE }.request(),
        TestRequest { target: "/management/accounts/", ..TestRequest::CREATE }.request(),
        with_api_key("GET", LOGS, "nobody's"),
        Request::get(LOGS).body(Body::empty()).unwrap(),
    ] {
        let (head, _) = request.into_parts();
        let request = || Request::from_parts(head.clone(), Body::empty());
        let explained = response(verifier().explain_rejections(Explain::Response), request()).await;
        let plain = response(verifier(), request()).await;
        assert_eq!(explained.body(), plain.body());
        assert_eq!(explained.status(), plain.status());
    }
}

#[tokio::test]
async fn body_is_explained_across_its_chunks() {
    for (chunks, signed, code) in [
        (&[&b"a li"[..], b"ne\r", b"\n"][..], &b"a line"[..], "body-newline"),
        (&[b"a line", b"\n"], b"a line", "body-newline"),
        (&[b"a ", b"line"], b"a line\n", "body-newline"),
        (&[b"a ", b"line"], b"", "body-not-hashed"),
    ] {
        let acts: Vec<_> = chunks.iter().map(|chunk| Act::Data(chunk)).collect();
        let request = mistaken(TestRequest::CREATE, TestRequest { body: signed, ..TestRequest::CREATE });
        let json = json_of(request.map(|_| Body::new(Scripted::new(acts)))).await;
        assert_eq!(json["mistakes"], json!([code]), "{chunks:?}");
    }
}

#[tokio::test]
async fn either_of_two_rotating_keys_is_explained() {
    let store = always(["new-key", OWNER_KEY].map(|key| OwnerKey::new(KEY_ID, key).unwrap()), None);
    let response = response(verifier_with(store).explain_rejections(Explain::Response), lower_case()).await;
    assert!(response.body().ends_with(r#""mistakes":["method-case"]}"#), "{response:?}");
}

#[tokio::test]
async fn original_path_is_explained_below_a_nest() {
    let layer = verifier().explain_rejections(Explain::Response);
    let nested = Router::new().fallback(|| async {}).layer(layer);
    let app = Router::new().nest("/management", nested);
    let target = "/management/accounts/acme/users?limit=5";
    let canonical =
        format!("GETapplication/json{DATE}/{}{}", &target[1..], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    let mac = wire::hmac(OWNER_KEY, &canonical);
    let request = TestRequest { target, ..TestRequest::LIST }.carrying(format!("{KEY_ID}:{mac}")).unwrap();
    let body = app.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let json: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["mistakes"], json!(["path-leading-slash", "path-with-query"]));
}

#[tokio::test]
async fn head_announces_the_length_of_the_explanation() {
    let draft = TestRequest { method: "HEAD", ..TestRequest::LIST };
    let head = response(
        verifier().explain_rejections(Explain::Response),
        mistaken(draft, TestRequest { method: "head", ..draft }),
    )
    .await;
    let get = TestRequest { method: "GET", ..draft };
    let get =
        response(verifier().explain_rejections(Explain::Response), mistaken(get, TestRequest { method: "get", ..get }))
            .await;
    let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!((head.body().as_str(), length), ("", get.body().len() + "HEAD".len() - "GET".len()));
}

#[tokio::test]
async fn event_has_the_same() {
    let (_, log) = Log::of(present(&verifier().explain_rejections(Explain::Response), lower_case())).await;
    assert!(log.contains(r#"canonical_string="POSTapplication/json"#), "{log}");
    assert!(log.contains(r#"mistakes=["method-case"]"#), "{log}");
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
    let (_, log) = Log::of(present(&verifier().explain_rejections(Explain::Response), forged.request())).await;
    assert!(log.contains("mistakes=[]"), "{log}");
    let (_, log) = Log::of(present(&verifier(), lower_case())).await;
    assert!(!log.contains("mistakes"), "{log}");
}

#[tokio::test]
async fn neither_a_key_nor_a_signature_is_in_it() {
    let received = TestRequest { method: "post", ..TestRequest::CREATE }.credential();
    let (response, log) = Log::of(response(
        verifier().explain_rejections(Explain::Response),
        TestRequest::CREATE.carrying(&received).unwrap(),
    ))
    .await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    let told = format!("{response:?} {:?} {} {log}", response.headers(), whole_error(rejection));
    assert!(told.contains("method-case"));
    assert_no_secrets(&told);
    for credential in [received, TestRequest::CREATE.credential()] {
        assert!(!told.contains(credential.split_once(':').unwrap().1), "{told}");
    }
}

proptest! {
    #![proptest_config(crate::support::cases(64))]

    /// Whatever http accepts in a path and a Content-Type, the response is JSON, and has the same text in it.
    #[test]
    fn any_canonical_string_is_a_json_string(
        path in r#"/([a-z!"$%&'(){}|~\[\]\\^_:;<=>@-]|[\x7f-\xff]{0,1}){0,20}x"#,
        content_type in "[!-~]([\"\\\\\t]|[ -~]){0,20}[!-~]",
    ) {
        let draft = TestRequest { target: &path, content_type: &content_type, key: "another-key", ..TestRequest::LIST };
        let request = draft.carrying(draft.credential());
        prop_assume!(request.is_ok());
        let request = request.unwrap();
        let path = request.uri().path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(response(verifier().explain_rejections(Explain::Response), request));
        let json: Value = serde_json::from_str(response.body()).unwrap();
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        prop_assert_eq!(&json["canonicalString"], &json!(format!("GET{content_type}{DATE}{}{digest}", &path[1..])));
    }
}
