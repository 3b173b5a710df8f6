//! Keys that are replaced while requests are under way.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
};
use tower::{Layer, Service, ServiceExt};
use tower_logentries_auth::{
    Access, ApiKeyDigest, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer, OwnerKey,
    sign::LogentriesAuth,
    verify::{MemoryKeyStore, PresentedKey, StoredKey},
};

use crate::support::{KEY_ID, LOGS, OWNER_KEY, TEAMS, USERS, hyper_client, layer_for, server, wire, with_timeout};

/// The keys of one generation. Each is known by its id, so that an id with another one's signature is found out.
fn generation(n: usize) -> Credentials {
    let id = format!("id-{n}");
    Credentials::owner(&id, &owner_key(&id)).unwrap().with_read_write(&api_key(n)).unwrap()
}

fn owner_key(id: &str) -> String {
    format!("owner-key-of-{id}")
}

fn api_key(n: usize) -> String {
    format!("api-key-{n}")
}

#[tokio::test]
async fn replace_reaches_every_clone() {
    let (origin, recording) = server::record().await;
    let layer = layer_for(&origin);
    let (clone, service) = (layer.clone(), layer.layer(hyper_client()));
    let handle = layer.credentials_handle();
    let clients = [service.clone(), service, clone.layer(hyper_client())];
    for n in 0..3 {
        handle.replace(generation(n));
        for client in &clients {
            client
                .clone()
                .oneshot(Request::get(format!("{origin}{TEAMS}")).body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert_eq!(recording.only().header("x-api-key"), Some(&*api_key(n)));
        }
    }
}

#[tokio::test]
async fn request_in_flight_keeps_its_key() {
    let (origin, recording) = server::record().await;
    let layer = layer_for(&origin);
    let (sender, receiver) = oneshot::channel();
    let body = Body::new(StreamBody::new(stream::once(async { receiver.await.map(Frame::data) })));
    let mut client = layer.layer(hyper_client());
    // The key is chosen, the body still to come.
    let response = client.call(Request::post(format!("{origin}{USERS}")).body(body).unwrap());

    layer.credentials_handle().replace(generation(1));
    sender.send(Bytes::from_static(b"late")).unwrap();
    with_timeout(response).await.unwrap();
    let received = recording.only();
    assert_eq!(received.body, "late");
    assert_eq!(wire::signature_error(KEY_ID, OWNER_KEY, "POST", USERS, &received.headers, b"late"), None);
}

#[tokio::test]
async fn both_keys_of_an_id_verify() {
    let keys = ["the old key", "the new key"].map(|key| key.replace(' ', "-"));
    let mut accounts = MemoryKeyStore::new();
    for key in &keys {
        accounts.insert("acme", &Credentials::owner(KEY_ID, key).unwrap()).unwrap();
    }
    let origin = server::verifier(LogentriesVerifyLayer::new(accounts)).await;
    let layer = layer_for(&origin);
    let client = layer.layer(hyper_client());
    let status = async |key: &str| {
        layer.credentials_handle().replace(Credentials::owner(KEY_ID, key).unwrap());
        let request = Request::post(format!("{origin}{USERS}")).body(Body::from("body")).unwrap();
        client.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(&keys[0]).await, StatusCode::OK);
    assert_eq!(status(&keys[1]).await, StatusCode::OK);
    assert_eq!(status("neither").await, StatusCode::UNAUTHORIZED);
}

const GENERATIONS: usize = 1_000;
const TASKS: usize = 64;
/// Between two replacements, so that requests are under way across each of them.
const ANSWERS_A_GENERATION: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_rejections_during_a_thousand_rotations() {
    let origin = server::verifier(LogentriesVerifyLayer::new(every_generation)).await;
    let layer = LogentriesAuthLayer::new(generation(0)).trust_origin(&origin).unwrap();
    let client = layer.layer(hyper_client());
    let (answers, is_over) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));

    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (client, origin, answers, is_over) = (client.clone(), origin.clone(), answers.clone(), is_over.clone());
        tasks.spawn(async move {
            let mut n = task;
            while !is_over.load(Ordering::Relaxed) {
                send_one_of_many(&client, &origin, n).await;
                answers.add_permits(1);
                n += 1;
            }
        });
    }
    for n in 1..=GENERATIONS {
        tokio::select! {
            answers = answers.acquire_many(ANSWERS_A_GENERATION) => answers.unwrap().forget(),
            Some(failed) = tasks.join_next() => failed.unwrap(),
        }
        layer.credentials_handle().replace(generation(n));
    }
    is_over.store(true, Ordering::Relaxed);
    with_timeout(tasks.join_all()).await;
}

/// Sends the `n`th request: signed without a body, signed with one, or with an API key. It has to pass.
async fn send_one_of_many<S>(client: &LogentriesAuth<S>, origin: &str, n: usize)
where
    LogentriesAuth<S>: Service<Request<Body>, Response = http::Response<hyper::body::Incoming>, Error: std::fmt::Debug>,
    S: Clone,
{
    let (path, body) = match n % 3 {
        0 => (USERS, String::new()),
        1 => (USERS, "body ".repeat(n % 100 + 1)),
        _ => (LOGS, String::new()),
    };
    let request = Request::post(format!("{origin}{path}")).body(Body::from(body)).unwrap();
    let response = client.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{n}");
}

/// A store that knows the keys of every generation.
async fn every_generation(presented: PresentedKey) -> Result<Option<StoredKey>, std::convert::Infallible> {
    Ok(match presented {
        PresentedKey::OwnerKeyId(id) => Some(StoredKey::owner([OwnerKey::new(&id, &owner_key(&id)).unwrap()])),
        PresentedKey::ApiKey(digest) if (0..=GENERATIONS).any(|n| ApiKeyDigest::of(api_key(n)) == digest) => {
            Some(StoredKey::api_key(Access::ReadWrite))
        }
        _ => None,
    })
}
