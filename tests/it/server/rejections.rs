//! What a rejection contains for outer layers: its reason, its kind, the key and whose it is.

use axum::body::Body;
use http::Request;
use http_body_util::Limited;
use tower_logentries_auth::{
    Access, ApiKeyDigest, BodyDigest, Rejection,
    server::{PresentedKey, Reason, StoredApiKey},
};

use crate::support::{
    KEY_ID, SIGNED_AT, TEAMS, at,
    clock::date,
    verifying::{DATE, TestRequest, always, present, verifier, verifier_with, with_api_key},
};

async fn rejection(request: Request<Body>) -> Rejection {
    present(&verifier(), request).await.unwrap_err()
}

#[tokio::test]
async fn invalid_signature_carries_what_was_computed() {
    let forged = TestRequest { key: "another-key", target: "/management/accounts/7/users?q=1", ..TestRequest::CREATE };
    let rejection = rejection(forged.request()).await;
    let Reason::InvalidSignature(mismatch) = rejection.reason() else { panic!("{rejection:?}") };
    let digest = BodyDigest::of(forged.body);
    let canonical = format!("POSTapplication/json{DATE}management/accounts/7/users{digest}");
    assert_eq!(mismatch.canonical_string(), canonical);
    assert_eq!((mismatch.key_id(), mismatch.body_len()), (KEY_ID, forged.body.len()));
    assert_eq!(rejection.key(), Some(&PresentedKey::OwnerKeyId(KEY_ID.into())));
    assert_eq!(rejection.identity(), None, "the id proves nothing");
}

#[tokio::test]
async fn date_out_of_tolerance_reports_the_offset() {
    for offset in [301, -301, 7200, -18_003] {
        let date = date(SIGNED_AT.checked_add_signed(offset).unwrap());
        let rejection = rejection(TestRequest { date: &date, ..TestRequest::LIST }.request()).await;
        let Reason::DateOutOfTolerance { offset_secs, .. } = rejection.reason() else { panic!("{rejection:?}") };
        assert_eq!(*offset_secs, offset);
    }
}

#[tokio::test]
async fn offset_of_clock_out_of_range_is_reported() {
    let layer = verifier().clock(at(253_402_300_800));
    let rejection = present(&layer, TestRequest::LIST.request()).await.unwrap_err();
    let Reason::DateOutOfTolerance { offset_secs, .. } = rejection.reason() else { panic!("{rejection:?}") };
    assert_eq!(*offset_secs, SIGNED_AT as i64 - 253_402_300_800);
}

#[tokio::test]
async fn forbidden_names_the_key_and_whose_it_is() {
    let key = StoredApiKey::new(Access::ReadOnly).with_id("reports").with_account("acme");
    let layer = verifier_with(always([], Some(key)));
    let rejection = present(&layer, with_api_key("POST", TEAMS, "key")).await.unwrap_err();
    let Reason::Forbidden { required, granted, .. } = rejection.reason() else { panic!("{rejection:?}") };
    assert_eq!((*required, *granted), (Access::ReadWrite, Access::ReadOnly));
    assert_eq!(rejection.key(), Some(&PresentedKey::ApiKey(ApiKeyDigest::of("key"))));
    let identity = rejection.identity().unwrap();
    assert_eq!((identity.key_id.as_deref(), identity.account.as_deref()), (Some("reports"), Some("acme")));
    assert_eq!(identity.access, Access::ReadOnly);
}

/// In either case it is the body that is too large. The layer's own limit is known, an outer layer's is not.
#[tokio::test]
async fn limit_of_an_outer_layer_is_413() {
    let limited = TestRequest::CREATE.request().map(|body| Body::new(Limited::new(body, 4)));
    let outer = rejection(limited).await;
    assert!(matches!(outer.reason(), Reason::BodyTooLarge { limit: None, .. }), "{outer:?}");
    let own = present(&verifier().body_limit(3), TestRequest::CREATE.request()).await.unwrap_err();
    assert!(matches!(own.reason(), Reason::BodyTooLarge { limit: Some(3), .. }), "{own:?}");
    for rejection in [outer, own] {
        assert_eq!((rejection.status().as_u16(), rejection.kind()), (413, "body_too_large"));
        assert!(rejection.key().is_some());
    }
}
