//! A signature passes once, even if unsigned parts of the request change.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::post};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{OwnerKey, RejectReplaysLayer, server::MemoryKeyStore};

use super::{outcome, send};
use crate::support::{
    SIGNED_AT, USERS,
    clock::{ManualClock, date},
    hyper_client, server,
    verifying::{TestRequest, verifier, verifier_with},
};

#[tokio::test]
async fn second_copy_is_rejected_over_a_socket() {
    let app = Router::new()
        .route(USERS, post(async |body: String| body))
        .layer(RejectReplaysLayer::default())
        .layer(verifier());
    let origin = server::serve(app).await;
    let send = || hyper_client().request(TestRequest::CREATE.request_to(&origin));

    let first = send().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), TestRequest::CREATE.body);

    let second = send().await.unwrap();
    assert_eq!(second.status(), 401);
    let header = |headers: &HeaderMap, name| headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header(second.headers(), "content-type"), "application/json");
    assert_eq!(header(second.headers(), "www-authenticate"), "Logentries");
    assert_eq!(header(second.headers(), "cache-control"), "no-store");
    assert_eq!(header(second.headers(), "date"), TestRequest::CREATE.date);
    let json: Value = serde_json::from_slice(&second.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(json["errorCode"], "replayed");
}

#[tokio::test]
async fn changing_unsigned_parts_is_still_a_replay() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays, &clock, TestRequest::CREATE.request()).await).await, None);

    let other_query = format!("{USERS}?force=true");
    let mut copies = [(); 2].map(|()| TestRequest { target: &other_query, ..TestRequest::CREATE }.request());
    copies[1].headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    for copy in copies {
        assert_eq!(outcome(send(&replays, &clock, copy).await).await, Some("replayed"));
    }
}

#[tokio::test]
async fn same_key_under_another_id_is_still_a_replay() {
    let keys = MemoryKeyStore::new();
    for id in [TestRequest::CREATE.key_id, "another-id"] {
        keys.insert_owner_key("acme", OwnerKey::new(id, TestRequest::CREATE.key).unwrap()).unwrap();
    }
    let service = ServiceBuilder::new()
        .layer(verifier_with(keys))
        .layer(RejectReplaysLayer::default())
        .service(service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty()))));
    let status = async |key_id| {
        let request = TestRequest { key_id, ..TestRequest::CREATE }.request();
        service.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!([status(TestRequest::CREATE.key_id).await, status("another-id").await], [200, 401]);
}

#[tokio::test]
async fn changing_signed_parts_is_a_new_request() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    let next_second = date(SIGNED_AT + 1);
    let requests = [
        TestRequest::CREATE,
        TestRequest { method: "PUT", ..TestRequest::CREATE },
        TestRequest { target: "/management/accounts/globex/users", ..TestRequest::CREATE },
        TestRequest { content_type: "application/json; nonce=1", ..TestRequest::CREATE },
        TestRequest { date: &next_second, ..TestRequest::CREATE },
        TestRequest { body: b"", ..TestRequest::CREATE },
    ];
    for expected in [None, Some("replayed")] {
        for request in requests {
            assert_eq!(outcome(send(&replays, &clock, request.request()).await).await, expected, "{request:?}");
        }
    }
}

#[tokio::test]
async fn forged_request_is_not_remembered() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    let forged = TestRequest { body: b"forged", ..TestRequest::CREATE };
    let forged: Request<Body> = forged.carrying(TestRequest::CREATE.credential()).unwrap();
    assert_eq!(send(&replays, &clock, forged).await.status(), 401);
    assert_eq!(outcome(send(&replays, &clock, TestRequest::CREATE.request()).await).await, None);
}

#[tokio::test]
async fn clones_share_the_guard() {
    let (replays, clock) = (RejectReplaysLayer::default(), ManualClock::at(SIGNED_AT));
    assert_eq!(outcome(send(&replays.clone(), &clock, TestRequest::CREATE.request()).await).await, None);
    assert_eq!(outcome(send(&replays, &clock, TestRequest::CREATE.request()).await).await, Some("replayed"));
}
