//! Keys that are replaced while requests are under way.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
    Access, ApiKeyDigest, Credentials, CredentialsHandle, LogentriesAuth, LogentriesAuthLayer, LogentriesVerifyLayer,
    OwnerKey,
    server::{StoredApiKey, key_store_fn},
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

/// The status of a request with an API key and of a signed one.
async fn statuses(layer: &LogentriesAuthLayer, origin: &str) -> [u16; 2] {
    let mut statuses = [0; 2];
    for (path, status) in [TEAMS, USERS].into_iter().zip(&mut statuses) {
        let request = Request::post(format!("{origin}{path}")).body(Body::from("body")).unwrap();
        *status = layer.layer(hyper_client()).oneshot(request).await.unwrap().status().as_u16();
    }
    statuses
}

/// Two replicas, each with its handle for both sides, that are not changed at the same moment.
#[tokio::test]
async fn rotation_in_three_calls_rejects_nothing() {
    let [old, next] = ["old-key", "next-key"].map(|key| {
        let credentials = Credentials::owner(KEY_ID, key).unwrap();
        credentials.with_read_write(&format!("api-{key}")).unwrap()
    });
    let handles = [(); 2].map(|()| CredentialsHandle::new(old.clone()));
    let mut replicas = Vec::new();
    for handle in &handles {
        let origin = server::verifier(LogentriesVerifyLayer::new(handle.clone())).await;
        replicas.push((LogentriesAuthLayer::new(handle.clone()), origin));
    }
    let calls = [(&old, vec![next.clone()]), (&next, vec![old.clone()]), (&next, vec![])];
    for (sent, also_accepted) in calls {
        for handle in &handles {
            handle.replace_accepting(sent.clone(), also_accepted.clone());
            for (layer, _) in &replicas {
                for (_, origin) in &replicas {
                    let layer = layer.clone().trust_origin(origin).unwrap();
                    assert_eq!(statuses(&layer, origin).await, [200, 200]);
                }
            }
        }
    }
    let old = LogentriesAuthLayer::new(old);
    for (_, origin) in &replicas {
        assert_eq!(statuses(&old.clone().trust_origin(origin).unwrap(), origin).await, [401, 401], "it is over");
    }
}

#[tokio::test]
async fn replace_accepts_what_it_sends_alone() {
    let handle = CredentialsHandle::new(generation(0));
    let origin = server::verifier(LogentriesVerifyLayer::new(handle.clone())).await;
    let of = |n| LogentriesAuthLayer::new(generation(n)).trust_origin(&origin).unwrap();
    handle.replace_accepting(generation(1), [generation(2), generation(3)]);
    for (n, expected) in [(0, 401), (1, 200), (2, 200), (3, 200)] {
        assert_eq!(statuses(&of(n), &origin).await, [expected; 2], "{n}");
    }
    handle.replace(generation(4));
    for (n, expected) in [(1, 401), (2, 401), (3, 401), (4, 200)] {
        assert_eq!(statuses(&of(n), &origin).await, [expected; 2], "{n}");
    }
}

/// An API key has the access that the first credentials with it give.
#[tokio::test]
async fn key_in_several_credentials_has_the_access_of_the_first() {
    let [read_only, read_write] =
        [Credentials::read_only("the-key"), Credentials::read_write("the-key")].map(Result::unwrap);
    let handle = CredentialsHandle::new(read_only.clone());
    let origin = server::verifier(LogentriesVerifyLayer::new(handle.clone())).await;
    let status = async || {
        let request = Request::post(format!("{origin}{LOGS}")).header("x-api-key", "the-key").body(Body::empty());
        hyper_client().request(request.unwrap()).await.unwrap().status()
    };
    handle.replace_accepting(read_only.clone(), [read_write.clone()]);
    assert_eq!(status().await, StatusCode::FORBIDDEN);
    handle.replace_accepting(generation(0), [read_write, read_only]);
    assert_eq!(status().await, StatusCode::OK);
}

const GENERATIONS: usize = 200;
const TASKS: usize = 32;
/// Between two replacements, so that requests are under way across each of them.
const ANSWERS_A_GENERATION: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_rejections_during_many_rotations() {
    let origin = server::verifier(LogentriesVerifyLayer::new(key_store_fn((), owner_keys, stored_api_key))).await;
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

/// The lookups of a store that knows the keys of every generation.
async fn owner_keys((): (), id: Arc<str>) -> Result<Vec<OwnerKey>, Infallible> {
    Ok(vec![OwnerKey::new(&id, &owner_key(&id)).unwrap()])
}

async fn stored_api_key((): (), digest: ApiKeyDigest) -> Result<Option<StoredApiKey>, Infallible> {
    let is_known = (0..=GENERATIONS).any(|n| ApiKeyDigest::of(api_key(n)) == digest);
    Ok(is_known.then(|| StoredApiKey::new(Access::ReadWrite)))
}
