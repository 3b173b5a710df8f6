//! Who it was: outer layers learn it from the response of each request, accepted or rejected.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, routing::any};
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{
    Access, ApiKeyDigest, Identity, OwnerKey, RejectReplaysLayer, Rejection,
    server::{MemoryKeyStore, PresentedKey, StoredApiKey},
};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, TEAMS,
    verifying::{TestRequest, mirror, present, verifier, verifier_with, with_api_key},
};

fn accounts() -> MemoryKeyStore {
    let keys = MemoryKeyStore::new();
    keys.insert_owner_key("acme", OwnerKey::new(KEY_ID, OWNER_KEY).unwrap().with_label("2026")).unwrap();
    let dashboard = StoredApiKey::new(Access::ReadOnly).with_id("dashboard");
    keys.insert_api_key("globex", ApiKeyDigest::of("dashboard-key"), dashboard).unwrap();
    keys
}

/// What an operator counts by: account, id, label, kind and status.
fn line<B>(response: &Response<B>) -> String {
    let rejection = response.extensions().get::<Rejection>();
    let identity = rejection.map_or(response.extensions().get::<Identity>(), Rejection::identity);
    let part = |part: fn(&Identity) -> Option<&str>| identity.and_then(part).unwrap_or("-").to_owned();
    let (account, id, label) =
        (part(|i| i.account.as_deref()), part(|i| i.key_id.as_deref()), part(|i| i.key_label.as_deref()));
    format!("{account} {id} {label} {} {}", rejection.map_or("accepted", Rejection::kind), response.status().as_u16())
}

#[tokio::test]
async fn one_outer_layer_counts_every_request_by_who_made_it() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let layers = ServiceBuilder::new()
        .map_response(move |response: Response<_>| {
            kept.lock().unwrap().push(line(&response));
            response
        })
        .layer(verifier_with(accounts()))
        .layer(RejectReplaysLayer::default());
    let app = Router::new().fallback(any(async || {})).layer(layers);
    for request in [
        TestRequest::CREATE.request(),
        TestRequest::CREATE.request(),
        with_api_key("GET", LOGS, "dashboard-key"),
        with_api_key("POST", TEAMS, "dashboard-key"),
        with_api_key("GET", LOGS, "unknown"),
        TestRequest { key: "another-key", ..TestRequest::CREATE }.request(),
        Request::get(LOGS).body(Body::empty()).unwrap(),
    ] {
        app.clone().oneshot(request).await.unwrap();
    }
    let acme = format!("acme {KEY_ID} 2026");
    let expected = [
        format!("{acme} accepted 200"),
        format!("{acme} replayed 401"),
        "globex dashboard - accepted 200".to_owned(),
        "globex dashboard - forbidden 403".to_owned(),
        "- - - unknown_key 401".to_owned(),
        "- - - invalid_signature 401".to_owned(),
        "- - - missing_credentials 401".to_owned(),
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}

/// The key is in a replay's rejection too.
#[tokio::test]
async fn replay_names_its_key_and_identity() {
    let service =
        ServiceBuilder::new().layer(verifier_with(accounts())).layer(RejectReplaysLayer::default()).service_fn(mirror);
    service.clone().oneshot(TestRequest::CREATE.request()).await.unwrap();
    let response = service.oneshot(TestRequest::CREATE.request()).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.key(), Some(&PresentedKey::OwnerKeyId(KEY_ID.into())));
    assert_eq!(rejection.identity().unwrap().account.as_deref(), Some("acme"));
}

#[tokio::test]
async fn request_and_response_have_the_same_identity() {
    let requests: [fn() -> Request<Body>; 2] =
        [|| TestRequest::LIST.request(), || with_api_key("GET", LOGS, READ_ONLY_KEY)];
    for request in requests {
        let passed = present(&verifier(), request()).await.unwrap();
        let service = ServiceBuilder::new().layer(verifier()).service_fn(mirror);
        let response = service.oneshot(request()).await.unwrap();
        assert!(passed.extensions().get::<Identity>().is_some());
        assert_eq!(response.extensions().get::<Identity>(), passed.extensions().get::<Identity>());
    }
}

/// A handler cannot be told that it is somebody else by what came with the request.
#[tokio::test]
async fn identity_of_an_outer_layer_is_replaced() {
    let mut request = with_api_key("GET", LOGS, "dashboard-key");
    request.extensions_mut().insert(Identity::new(Access::Owner).with_account("acme"));
    let passed = present(&verifier_with(accounts()), request).await.unwrap();
    assert_eq!(passed.extensions().get::<Identity>().unwrap().account.as_deref(), Some("globex"));
}
