//! Retries of requests that are redirected.

use axum::{body::Body, response::Response};
use http::Method;
use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_logentries_auth::LogentriesRetryPolicy;

use super::{http, in_turn, request};
use crate::support::{USERS, layer_for, server::record_and};

/// A redirect layer inside the retry layer would have the POST repeated, which was processed.
#[tokio::test]
async fn refused_hop_is_repeated_alone() {
    let hops = in_turn(&[(429, &[])]);
    let see_other = || Response::builder().status(303).header("location", USERS).body(Body::empty()).unwrap();
    let (origin, recording) =
        record_and(move |received| if received.method == "POST" { see_other() } else { hops() }).await;
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
        .layer(layer_for(&origin))
        .service(http());
    assert_eq!(client.oneshot(request(Method::POST, &origin)).await.unwrap().status(), 200);
    let sent: Vec<_> = recording.take().into_iter().map(|received| received.method).collect();
    assert_eq!(sent, ["POST", "GET", "GET"]);
}
