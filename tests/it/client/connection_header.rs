//! A Connection header must not take away what is signed: over HTTP/2, hyper removes the headers that it names.

use axum::body::Body;
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Access, LogentriesAuthLayer};

use crate::support::{
    LOGS, READ_ONLY_KEY, USERS,
    inner::{RAPID7, pass},
    layer, layer_for, server,
};

async fn connection_after(layer: &LogentriesAuthLayer, values: &[&str]) -> Vec<String> {
    let mut request = Request::get(format!("{RAPID7}{USERS}")).body(Body::empty()).unwrap();
    for value in values {
        request.headers_mut().append("connection", value.parse().unwrap());
    }
    let request = pass(layer, request).await.unwrap();
    request.headers().get_all("connection").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn signed_headers_are_removed_from_connection() {
    for (before, after) in [
        (vec!["Date"], vec![]),
        (vec!["close, DATE ,content-type"], vec!["close"]),
        (vec!["keep-alive, x-api-key", "te, Authorization-Api-Key"], vec!["keep-alive, te"]),
        (vec!["keep-alive", "x-date"], vec!["keep-alive", "x-date"]),
        (vec![""], vec![""]),
    ] {
        assert_eq!(connection_after(&layer(), &before).await, after, "{before:?}");
    }
}

#[tokio::test]
async fn credentials_named_by_connection_arrive_over_http2() {
    let (origin, recording) = server::record().await;
    let client = layer_for(&origin).layer(Client::builder(TokioExecutor::new()).http2_only(true).build_http());
    for (path, access) in [(USERS, Access::Owner), (LOGS, Access::ReadOnly)] {
        let request = Request::post(format!("{origin}{path}"))
            .extension(access)
            .header("connection", "date, content-type, x-api-key, authorization-api-key")
            .body(Body::from("a body"))
            .unwrap();
        client.clone().oneshot(request).await.unwrap();
        let received = recording.only();
        if access == Access::Owner {
            assert_eq!(received.signature_error(), None);
        } else {
            assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY));
        }
    }
}
