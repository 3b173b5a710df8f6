//! `LogentriesAuthLayer::with_credentials`: many accounts, one client.

use axum::body::Body;
use http::Request;
use tower::{Layer, Service, ServiceExt};
use tower_logentries_auth::{
    AuthError, Credentials, CredentialsHandle, LogentriesAuthLayer, LogentriesVerifyLayer,
    client::ClockSkewCorrected,
    server::{Identity, MemoryKeyStore},
};

use crate::support::{
    LOGS, SIGNED_AT, USERS, at, hyper_client,
    inner::{RAPID7, pass, to_rapid7},
    layer_for, server,
};

const ACCOUNTS: usize = 50;
const AN_HOUR: u64 = 60 * 60;

fn account(n: usize) -> Credentials {
    Credentials::owner(&format!("id-{n}"), &format!("owner-key-{n}")).unwrap()
}

fn post(origin: &str) -> Request<Body> {
    Request::post(format!("{origin}{USERS}")).body(Body::from("a user")).unwrap()
}

#[tokio::test]
async fn fifty_accounts_share_one_client_and_one_correction() {
    let keys = MemoryKeyStore::new();
    for n in 0..ACCOUNTS {
        keys.insert(&n.to_string(), &account(n)).unwrap();
    }
    let whose = |identity: Identity| async move { identity.account.as_deref().unwrap_or_default().to_owned() };
    let verify = LogentriesVerifyLayer::new(keys).clock(at(SIGNED_AT + AN_HOUR));
    let origin = server::serve(axum::Router::new().fallback(whose).layer(verify)).await;

    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let http = hyper_client();
    let mut clients: Vec<_> = (0..ACCOUNTS).map(|n| layer.with_credentials(account(n)).layer(http.clone())).collect();
    let corrected = clients[7].call(post(&origin)).await.unwrap();
    assert_eq!(corrected.status(), 401);
    assert!(corrected.extensions().get::<ClockSkewCorrected>().is_some());
    for (n, client) in clients.iter_mut().enumerate() {
        let response = client.call(post(&origin)).await.unwrap();
        assert_eq!(response.status(), 200, "{n}");
        let body = axum::body::to_bytes(Body::new(response.into_body()), 16).await.unwrap();
        assert_eq!(body, n.to_string());
    }
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), AN_HOUR.cast_signed());
}

/// The id of the owner key that a layer signs with.
async fn key_id(layer: &LogentriesAuthLayer) -> String {
    let request = pass(layer, to_rapid7(http::Method::GET, USERS)).await.unwrap();
    let credential = request.headers()["authorization-api-key"].to_str().unwrap();
    credential.split(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn replacing_one_accounts_keys_leaves_the_others() {
    let layer = LogentriesAuthLayer::new(account(0));
    let handle = CredentialsHandle::new(account(1));
    let (one, two) = (layer.with_credentials(handle.clone()), layer.with_credentials(account(2)));

    handle.replace(account(10));
    assert_eq!([key_id(&layer).await, key_id(&one).await, key_id(&two).await], ["id-0", "id-10", "id-2"]);
    two.credentials_handle().replace(account(20));
    assert_eq!([key_id(&layer).await, key_id(&one).await, key_id(&two).await], ["id-0", "id-10", "id-20"]);
    // A clone, unlike a layer with credentials of its own, has those of its original.
    let clone = layer.clone();
    layer.credentials_handle().replace(account(30));
    assert_eq!([key_id(&clone).await, key_id(&one).await], ["id-30", "id-10"]);
}

#[tokio::test]
async fn configuration_is_copied() {
    let layer = LogentriesAuthLayer::new(account(0)).clock(at(SIGNED_AT)).body_limit(3).mounted_at("/v1");
    let one = layer.with_credentials(Credentials::read_only("read-only-key").unwrap().with_owner("id", "key").unwrap());
    let request = pass(&one, to_rapid7(http::Method::GET, &format!("/v1{LOGS}"))).await.unwrap();
    assert_eq!(request.headers()["x-api-key"], "read-only-key");
    let error = pass(&one, post(RAPID7)).await.unwrap_err();
    assert!(matches!(error, AuthError::BodyTooLarge { limit: 3, .. }), "{error}");

    // And belongs to the layer from then on.
    let other = one.clone().body_limit(6);
    assert!(pass(&other, post(RAPID7)).await.is_ok());
    assert!(pass(&one, post(RAPID7)).await.is_err());
}

#[tokio::test]
async fn rebuild_body_is_copied() {
    use http_body_util::combinators::BoxBody;
    use tower_logentries_auth::BufferedBody;

    let (origin, recording) = server::record().await;
    let layer = layer_for(&origin).rebuild_body(BufferedBody::boxed);
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let client = client.build_http::<BoxBody<bytes::Bytes, std::io::Error>>();
    let request = post(&origin).map(|_| BufferedBody::default().boxed());
    layer.with_credentials(account(1)).layer(client).oneshot(request).await.unwrap();
    assert!(recording.only().header("authorization-api-key").unwrap().starts_with("id-1:"));
}
