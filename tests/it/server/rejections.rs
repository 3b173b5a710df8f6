//! What a rejection contains for outer layers: its kind, how far a date is off, what was computed for a signature.

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;
use tower_http::limit::RequestBodyLimitLayer;
use tower_logentries_auth::{
    Access, BodyDigest, Rejection,
    server::{PresentedKey, StoredKey},
};

use crate::support::{
    KEY_ID, SIGNED_AT, TEAMS, at,
    clock::date,
    verifying::{DATE, TestRequest, present, verifier, verifier_with, with_api_key},
};

async fn rejection(request: Request<Body>) -> Rejection {
    present(&verifier(), request).await.unwrap_err()
}

#[tokio::test]
async fn invalid_signature_carries_what_was_computed() {
    let forged = TestRequest { key: "another-key", target: "/management/accounts/7/users?q=1", ..TestRequest::CREATE };
    let Rejection::InvalidSignature(mismatch) = rejection(forged.request()).await else { panic!() };
    let digest = BodyDigest::of(forged.body);
    let canonical = format!("POSTapplication/json{DATE}management/accounts/7/users{digest}");
    assert_eq!(mismatch.canonical_string(), canonical);
    assert_eq!((mismatch.key_id(), mismatch.body_len()), (KEY_ID, forged.body.len()));
}

#[tokio::test]
async fn date_out_of_tolerance_reports_the_offset() {
    for offset in [301, -301, 7200, -18_003, 50_400, -46_800] {
        let date = date(SIGNED_AT.checked_add_signed(offset).unwrap());
        let rejection = rejection(TestRequest { date: &date, ..TestRequest::LIST }.request()).await;
        let Rejection::DateOutOfTolerance { offset_secs } = rejection else { panic!("{rejection:?}") };
        assert_eq!(offset_secs, offset);
    }
}

#[tokio::test]
async fn offset_of_clock_out_of_range_is_reported() {
    let layer = verifier().clock(at(253_402_300_800));
    let rejection = present(&layer, TestRequest::LIST.request()).await.unwrap_err();
    let Rejection::DateOutOfTolerance { offset_secs } = rejection else { panic!("{rejection:?}") };
    assert_eq!(offset_secs, SIGNED_AT as i64 - 253_402_300_800);
}

#[tokio::test]
async fn forbidden_names_the_key() {
    let store = |_: PresentedKey| async {
        Ok::<_, std::convert::Infallible>(Some(StoredKey::api_key(Access::ReadOnly).with_id("reports")))
    };
    let request = with_api_key("POST", TEAMS, "key");
    let rejection = present(&verifier_with(store), request).await.unwrap_err();
    assert!(matches!(&rejection, Rejection::Forbidden { key_id: Some(id), .. } if &**id == "reports"), "{rejection:?}");
}

#[tokio::test]
async fn kind_is_the_variant_in_snake_case() {
    let no_keys = |_: PresentedKey| async { Err::<Option<StoredKey>, _>("the database is gone") };
    let unavailable = present(&verifier_with(no_keys), TestRequest::LIST.request()).await.unwrap_err();
    let stale = TestRequest { date: &date(SIGNED_AT + 1_000), ..TestRequest::LIST }.request();
    let long = present(&verifier().body_limit(3), TestRequest::CREATE.request()).await.unwrap_err();
    for rejection in [
        unavailable,
        long,
        rejection(stale).await,
        rejection(Request::get("/").body(Body::empty()).unwrap()).await,
        rejection(with_api_key("GET", TEAMS, "unknown")).await,
        rejection(with_api_key("GET", "//", "unknown")).await,
        rejection(with_api_key("POST", TEAMS, crate::support::READ_ONLY_KEY)).await,
        rejection(TestRequest { key: "another-key", ..TestRequest::LIST }.request()).await,
    ] {
        let name = format!("{rejection:?}");
        let snake_case = rejection.kind().split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        let name = name.split([' ', '(', '{']).next().unwrap();
        assert_eq!(name, snake_case.collect::<String>());
    }
}

#[tokio::test]
async fn limit_of_an_outer_layer_is_413() {
    let limited = TestRequest::CREATE.request().map(|body| Body::new(Limited::new(body, 4)));
    let rejection = rejection(limited).await;
    assert!(matches!(rejection, Rejection::ReadBody { .. }), "{rejection:?}");
    assert_eq!((rejection.status(), rejection.kind()), (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"));

    // Without a Content-Length the outer layer cannot answer by itself.
    let app = Router::new().layer(verifier()).layer(RequestBodyLimitLayer::new(4));
    let response = app.oneshot(TestRequest::CREATE.request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.extensions().get::<Rejection>().unwrap().kind(), "body_too_large");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"errorCode":"body_too_large","message":"the body is too large"}"#);
}
