//! Handles and accessors of a service that other layers wrap.

use axum::{body::Body, response::Response};
use http::Request;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_logentries_auth::Credentials;

use crate::support::{
    SIGNED_AT, USERS, at,
    clock::date,
    hyper_client, layer_for,
    server::{record, record_and},
};

fn users(origin: &str) -> Request<Body> {
    Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn nested_service_takes_new_credentials() {
    let (origin, recording) = record().await;
    let client = FollowRedirectLayer::new().layer(layer_for(&origin).layer(hyper_client()));
    let handle = client.get_ref().credentials_handle();
    client.clone().oneshot(users(&origin)).await.unwrap();
    assert_eq!(recording.only().signature_error(), None);

    handle.replace(Credentials::owner("another-id", "another-key").unwrap());
    client.oneshot(users(&origin)).await.unwrap();
    let sent = recording.only();
    assert!(sent.header("authorization-api-key").unwrap().starts_with("another-id:"), "{sent:?}");
}

#[tokio::test]
async fn service_reports_the_offset_of_a_corrected_clock() {
    let (origin, _) = record_and(|_| {
        Response::builder().status(401).header("date", date(SIGNED_AT + 600)).body(Body::empty()).unwrap()
    })
    .await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let mut client = layer.layer(hyper_client());
    assert_eq!(client.clock_offset_secs(&origin).unwrap(), 0);
    client.ready().await.unwrap().call(users(&origin)).await.unwrap();
    assert_eq!(client.clock_offset_secs(&origin).unwrap(), 600);
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 600);
    assert!(client.clock_offset_secs("not an origin").is_err());
}

#[tokio::test]
async fn service_gives_its_inner_service() {
    let mut client = layer_for("http://127.0.0.1:1").layer(ConcurrencyLimitLayer::new(1).layer(7));
    assert_eq!(client.get_ref().get_ref(), &7);
    *client.get_mut() = ConcurrencyLimitLayer::new(1).layer(8);
    assert_eq!(client.into_inner().into_inner(), 8);
}
