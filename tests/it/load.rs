//! Many requests at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, body::Body, extract::DefaultBodyLimit};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_logentries_auth::{
    AuthError, Credentials, CredentialsHandle, Identity, LogentriesAuthLayer, LogentriesVerifyLayer,
    server::MemoryKeyStore,
};

use crate::support::{KEY_ID, LOGS, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS, hyper_client, server};

const MIB: usize = 1024 * 1024;

/// The owner keys that the client's rotation goes through. The server knows all of them.
const OWNER_KEYS: [&str; 4] = ["owner-key-1", "owner-key-2", "owner-key-3", "owner-key-4"];

fn credentials(owner_key: &str) -> Credentials {
    let owner = Credentials::owner(KEY_ID, owner_key).unwrap();
    owner.with_read_write(READ_WRITE_KEY).and_then(|keys| keys.with_read_only(READ_ONLY_KEY)).unwrap()
}

/// What happens to a request between the signing layer and the server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// It arrives as another request, or with another key.
    Tampered,
    /// The caller gives up while the request is under way.
    Dropped,
}

/// The `n`th request, the same in every run.
struct Planned {
    method: &'static str,
    path: &'static str,
    len: usize,
    fault: Option<Fault>,
}

impl Planned {
    fn new(n: usize) -> Self {
        let (method, path) = [("GET", LOGS), ("POST", USERS), ("POST", TEAMS), ("GET", USERS), ("PUT", USERS)][n % 5];
        let len = match n {
            _ if method == "GET" => 0,
            n if n % 1_000 == 1 => 4 * MIB,
            n if n % 100 == 2 => 100_000,
            n => n % 2_000,
        };
        // One in a hundred, spread over all kinds of requests.
        let fault = match n % 202 {
            11 => Some(Fault::Tampered),
            112 => Some(Fault::Dropped),
            _ => None,
        };
        Self { method, path, len, fault }
    }

    fn body(&self) -> Bytes {
        vec![self.len as u8; self.len].into()
    }

    /// The answer that is right: what the handler makes of what it was sent.
    fn answer(&self) -> String {
        let access = [(LOGS, "read-only"), (TEAMS, "read/write"), (USERS, "owner")];
        match self.fault {
            Some(Fault::Tampered) => "401".to_owned(),
            Some(Fault::Dropped) => "dropped".to_owned(),
            None => {
                let (_, access) = access.into_iter().find(|(path, _)| *path == self.path).unwrap();
                format!("200 {}", echo(access, &self.body()))
            }
        }
    }
}

fn echo(access: &str, body: &[u8]) -> String {
    format!("{access} {} {:x?}", body.len(), &Sha256::digest(body)[..8])
}

async fn start_server() -> String {
    let accounts = MemoryKeyStore::new();
    for owner_key in OWNER_KEYS {
        accounts.insert("acme", &credentials(owner_key)).unwrap();
    }
    let handler = |request: Request<Body>| async move {
        let access = request.extensions().get::<Identity>().unwrap().access;
        let body = request.into_body().collect().await.unwrap().to_bytes();
        echo(&access.to_string(), &body)
    };
    let app =
        Router::new().fallback(handler).layer(LogentriesVerifyLayer::new(accounts)).layer(DefaultBodyLimit::disable());
    server::serve(app).await
}

/// Changes what is signed, or the API key, of a request that is marked for it.
fn tamper(mut request: Request<Body>) -> Request<Body> {
    if request.extensions().get() == Some(&Fault::Tampered) {
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.get_mut("x-api-key").into_iter().for_each(|key| *key = HeaderValue::from_static("another-key"));
    }
    request
}

async fn send<S>(mut client: S, origin: Arc<str>, n: usize) -> String
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = AuthError>,
{
    let planned = Planned::new(n);
    let request = Request::builder().method(planned.method).uri(format!("{origin}{}", planned.path));
    let mut request = request.body(Body::from(planned.body())).unwrap();
    planned.fault.and_then(|fault| request.extensions_mut().insert(fault));
    let sending = client.ready().await.unwrap().call(request);
    if planned.fault == Some(Fault::Dropped) {
        // Polled once, and dropped. On a busy machine the response can be there by then.
        drop(sending.now_or_never());
        return "dropped".to_owned();
    }
    let response = sending.await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    match status {
        200 => format!("200 {}", String::from_utf8_lossy(&body)),
        status => status.to_string(),
    }
}

/// Sends planned requests through one layer, with so many in flight, while the owner key is replaced all the time.
async fn run(requests: usize, in_flight: usize) -> Vec<String> {
    let origin: Arc<str> = start_server().await.into();
    let layer = LogentriesAuthLayer::new(credentials(OWNER_KEYS[0])).trust_origin(&origin).unwrap();
    let client = ServiceBuilder::new().layer(layer.clone()).map_request(tamper).service(hyper_client());
    let is_over = Arc::new(AtomicBool::new(false));
    let rotation = tokio::spawn(rotate(layer.credentials_handle(), is_over.clone()));
    let answers = stream::iter(0..requests)
        .map(|n| tokio::spawn(send(client.clone(), origin.clone(), n)))
        .buffered(in_flight)
        .map(Result::unwrap)
        .collect()
        .await;
    is_over.store(true, Ordering::Relaxed);
    rotation.await.unwrap();
    answers
}

async fn rotate(handle: CredentialsHandle, is_over: Arc<AtomicBool>) {
    let generations = OWNER_KEYS.map(credentials);
    for next in generations.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        handle.replace(next.clone());
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_get_their_own_answers() {
    for (requests, in_flight) in [(10_000, 256), (1_000, 1)] {
        let answers = run(requests, in_flight).await;
        assert_eq!(answers.len(), requests);
        let right = (0..requests).map(|n| Planned::new(n).answer());
        let wrong = answers.iter().zip(right).enumerate().find(|(_, (answer, right))| *answer != right);
        assert_eq!(wrong, None, "{in_flight} in flight");
    }
}
