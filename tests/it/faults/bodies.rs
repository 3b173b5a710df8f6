//! Bodies that fail, stall, end early or lie, on their way out.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{AuthError, BodyDigest};

use crate::support::{
    TEAMS, USERS,
    bodies::{Act, Guard, Scripted},
    hyper_client, layer_for, server, whole_error, with_timeout,
};

/// Faulty bodies, and what is wrong with them.
fn bad_bodies() -> Vec<(&'static str, Scripted)> {
    vec![
        ("fails", Scripted::new([Act::Data(b"some "), Act::Pending, Act::Fail("the disk is gone")])),
        ("stalls", Scripted::new([Act::Data(b"some "), Act::Stall])),
        ("ends early", Scripted::new([Act::Data(b"some ")]).claiming(10)),
        ("goes on", Scripted::new([Act::Data(b"some "), Act::Data(b"and more")]).claiming(10)),
    ]
}

/// Sends this body, gives the one that stalls up, and then sends a good one, through one permit on each side.
async fn send_bad_then_good(
    path: &str,
    digest: Option<BodyDigest>,
    (what, body): (&str, Scripted),
) -> (Option<Result<(), AuthError>>, usize) {
    let (origin, recording) = server::record().await;
    let client = ServiceBuilder::new()
        .concurrency_limit(1)
        .layer(layer_for(&origin))
        .concurrency_limit(1)
        .service(hyper_client());
    let mut request = Request::post(format!("{origin}{path}")).body(Body::new(body)).unwrap();
    digest.and_then(|digest| request.extensions_mut().insert(digest));
    let patience = if what == "stalls" { Duration::from_millis(100) } else { Duration::from_secs(60) };
    let sent = timeout(patience, client.clone().oneshot(request)).await;

    let good = Request::post(format!("{origin}{USERS}")).body(Body::from("good")).unwrap();
    assert_eq!(with_timeout(client.oneshot(good)).await.unwrap().status(), 200);
    let received = recording.take();
    assert_eq!((received.last().unwrap().signature_error(), &*received.last().unwrap().body), (None, &b"good"[..]));
    (sent.ok().map(|sent| sent.map(drop)), received.len())
}

#[tokio::test]
async fn faulty_body_is_not_signed() {
    for (what, body) in bad_bodies() {
        let (sent, received) = send_bad_then_good(USERS, None, (what, body)).await;
        match (what, sent) {
            ("fails", Some(Err(error @ AuthError::ReadBody { .. }))) => {
                assert!(whole_error(&error).contains("the disk is gone"), "{error:?}");
            }
            ("stalls", None) => {}
            ("ends early", Some(Err(AuthError::BodyLengthMismatch { read: 5, .. }))) => {}
            ("goes on", Some(Err(AuthError::BodyLengthMismatch { read: 13, .. }))) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(received, 1, "{what}: the good one alone arrives");
    }
}

/// A body that the layer does not read is left to the inner service.
#[tokio::test]
async fn faulty_streamed_body_leaves_the_layer_usable() {
    for (path, digest) in [(USERS, Some(BodyDigest::of(b"some body"))), (TEAMS, None)] {
        for (what, body) in bad_bodies() {
            let (sent, received) = send_bad_then_good(path, digest, (what, body)).await;
            match (what, sent) {
                ("fails" | "ends early", Some(Err(AuthError::Service { .. }))) => assert_eq!(received, 1, "{what}"),
                ("stalls", None) => assert_eq!(received, 1, "{what}"),
                // hyper cuts it to the size that it claimed.
                ("goes on", Some(Ok(()))) => assert_eq!(received, 2, "{what}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn failed_body_frees_its_chunks() {
    let (bytes, guard) = Guard::bytes(&[7; 4096]);
    let body = Scripted::new([Act::Bytes(bytes), Act::Fail("the disk is gone")]);
    let client = ServiceBuilder::new().layer(layer_for("http://localhost")).service(hyper_client());
    let request = Request::post(format!("http://localhost{USERS}")).body(Body::new(body)).unwrap();
    let error = client.oneshot(request).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }));
    assert!(!guard.is_held());
}
