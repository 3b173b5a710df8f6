//! The examples that send requests and end.

use axum::{Router, body::Body, response::Response};
use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};

use super::{api, assert_wrote};
use crate::support::{
    USERS, child,
    server::{self, record_and},
};

#[tokio::test]
async fn quickstart_shows_accepted_and_rejected_requests() {
    let ran = child::run("quickstart", &[]).await;
    assert_wrote(&ran, &["200 OK", "jane@smyth.com", "200 OK", "john@smyth.com", "401 Unauthorized"]);
}

#[tokio::test]
async fn hyper_client_exit_status() {
    let ran = child::run("hyper_client", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access"]);
    let refusing = LogentriesVerifyLayer::new(Credentials::read_only("another-key").unwrap());
    let ran = child::run("hyper_client", &[&server::serve(Router::new().layer(refusing)).await]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.starts_with("401 Unauthorized"), "{ran:?}");
    let ran = child::run("hyper_client", &["no origin"]).await;
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:?}");
}

#[tokio::test]
async fn reqwest_client_is_accepted() {
    let ran = child::run("reqwest_client", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access", "200 OK", "owner access"]);
}

#[tokio::test]
async fn reqwest_middleware_is_accepted() {
    let ran = child::run("reqwest_middleware", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access", "200 OK", "owner access", "200 OK", "owner access"]);
}

#[tokio::test]
async fn reqwest_redirects_stops_at_untrusted_origin() {
    let sent_to = |location: String| {
        record_and(move |received| match received.target == USERS {
            true => Response::builder().status(302).header("location", &location).body(Body::empty()).unwrap(),
            false => Response::new(Body::from("moved")),
        })
    };
    let (origin, recording) = sent_to("/management/accounts/new/users".to_owned()).await;
    assert_wrote(&child::run("reqwest_redirects", &[&origin]).await, &["/new/users 200 OK", "moved"]);
    assert_eq!(recording.take().iter().map(server::Received::signature_error).collect::<Vec<_>>(), [None, None]);

    let (foreign, unreached) = server::record().await;
    let (origin, _) = sent_to(foreign.clone()).await;
    let ran = child::run("reqwest_redirects", &[&origin]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&foreign), "{ran:?}");
    assert!(unreached.take().is_empty());
}

#[tokio::test]
async fn missing_keys_are_named() {
    for example in
        ["hyper_client", "hyper_server", "reqwest_client", "reqwest_middleware", "reqwest_redirects", "signing_gateway"]
    {
        let mut command = child::command(example);
        for key in ["OWNER_API_KEY_ID", "OWNER_API_KEY", "RW_API_KEY", "RO_API_KEY"] {
            command.env_remove(format!("LOGENTRIES_{key}"));
        }
        let ran = child::finish(&mut command).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("LOGENTRIES_RO_API_KEY"), "{ran:?}");
    }
}
