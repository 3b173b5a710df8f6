//! An `Access` in the extensions of a request, and what a redirect makes of it.

use axum::{body::Body, response::Response};
use http::Request;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_logentries_auth::Access;

use crate::support::{
    LOGS, READ_ONLY_KEY, READ_WRITE_KEY, hyper_client, layer_for,
    server::{Received, Recording, record, record_and},
};

const MOVED: &str = "/management/logs/moved";

/// Starts a server that redirects requests for a moved resource to `location`.
async fn moved_to(location: String) -> (String, Recording) {
    record_and(move |received| match received.target == MOVED {
        true => Response::builder().status(307).header("location", &location).body(Body::empty()).unwrap(),
        false => Response::new(Body::empty()),
    })
    .await
}

/// Sends a request with an `Access` that the table would not choose, over a client that trusts these origins.
async fn send_signed(origin: &str, also_trusted: &str, redirects: FollowRedirectLayer) {
    let client = ServiceBuilder::new()
        .layer(redirects)
        .layer(layer_for(origin).trust_origin(also_trusted).unwrap())
        .service(hyper_client());
    let request = Request::get(format!("{origin}{MOVED}")).extension(Access::Owner).body(Body::empty()).unwrap();
    assert_eq!(client.oneshot(request).await.unwrap().status(), 200);
}

#[track_caller]
fn assert_key(received: &Received, is_signed: bool) {
    match is_signed {
        true => assert_eq!(received.signature_error(), None),
        false => assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY)),
    }
}

#[tokio::test]
async fn explicit_access_follows_a_redirect_within_its_origin() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    send_signed(&origin, &origin, FollowRedirectLayer::new()).await;
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_key(&second, true);
}

#[tokio::test]
async fn table_applies_without_preserved_extensions() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    send_signed(&origin, &origin, FollowRedirectLayer::new().preserve_extensions(false)).await;
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_key(&second, false);
}

#[tokio::test]
async fn table_applies_on_another_trusted_origin() {
    let (other, there) = record().await;
    let (origin, here) = moved_to(format!("{other}{LOGS}")).await;
    send_signed(&origin, &other, FollowRedirectLayer::new()).await;
    assert_key(&here.only(), true);
    assert_key(&there.only(), false);
}

#[tokio::test]
async fn layer_rule_applies_on_every_hop() {
    let (origin, recording) = moved_to(LOGS.to_owned()).await;
    let layer = layer_for(&origin).access(|_, path| if path == MOVED { Access::Owner } else { Access::ReadWrite });
    let client = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer).service(hyper_client());
    let request = Request::get(format!("{origin}{MOVED}")).body(Body::empty()).unwrap();
    client.oneshot(request).await.unwrap();
    let [first, second] = recording.take().try_into().unwrap();
    assert_key(&first, true);
    assert_eq!(second.header("x-api-key"), Some(READ_WRITE_KEY));
}
