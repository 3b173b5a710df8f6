//! What values say of themselves, in `Debug`, in `Display`, in errors and in panics.

use std::{
    convert::Infallible,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{
    server::{Explain, MemoryKeyStore, PresentedKey, ResponseBody, StoredApiKey, key_store_fn},
    *,
};

use super::{BODY, signatures};
use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS, at,
    bodies::{Act, Scripted},
    clock::date,
    credentials, hyper_client, layer_for, whole_error,
};

const ORIGIN: &str = "http://localhost";

/// Each value in both forms of `Debug`.
macro_rules! debug {
    ($($value:expr),+ $(,)?) => { [$(format!("{0:?} {0:#?} ", $value)),+].concat() };
}

/// A request of each access, the signed ones without a body and with one.
pub(super) fn requests(origin: &str) -> Vec<Request<Body>> {
    let request = |method, path, body: &'static str| {
        Request::builder().method(method).uri(format!("{origin}{path}")).body(Body::from(body)).unwrap()
    };
    vec![request("GET", LOGS, ""), request("GET", TEAMS, ""), request("GET", USERS, ""), request("POST", USERS, BODY)]
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(request.into_body()))
}

pub(super) async fn debug_and_display() -> String {
    let mut text = values();
    let layer = layer_for(ORIGIN).clock(at(SIGNED_AT)).access(|_, _| Some(Access::Owner)).rebuild_body(Body::new);
    text += &debug!(layer, layer.credentials_handle(), layer.layer(()), layer_for(ORIGIN), layer_for(ORIGIN).layer(()));
    // A custom store, whose Debug shows everything.
    #[derive(Debug, Clone)]
    struct Careless(#[expect(dead_code)] [&'static str; 3]);
    let verify =
        LogentriesVerifyLayer::new(Careless([OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY])).rebuild_body(Body::new);
    text += &debug!(verify, verify.layer(()), LogentriesVerifyLayer::new(credentials()));
    {
        text +=
            &debug!(LogentriesAuthMiddleware::new(credentials()), LogentriesAuthMiddleware::from(layer_for(ORIGIN)));
    }
    for request in requests(ORIGIN) {
        let in_memory = Request::from_parts(request.into_parts().0, BODY);
        text += &debug!(layer_for(ORIGIN).clock(at(SIGNED_AT)).authenticate(in_memory).unwrap());
    }
    for request in requests(ORIGIN) {
        text += &futures(request).await;
    }
    text
}

/// The values that hold a key or a signature, or are made of one.
fn values() -> String {
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    let digests = [READ_WRITE_KEY, READ_ONLY_KEY].map(ApiKeyDigest::of);
    let accounts = MemoryKeyStore::new();
    accounts.insert("acme", &credentials()).unwrap();
    let found = StoredApiKey::new(Access::ReadWrite).with_id("name").with_account("acme");
    let presented = digests.map(PresentedKey::ApiKey);
    let handle = CredentialsHandle::new(credentials());
    handle.replace_accepting(credentials(), [Credentials::from_owner_key(key.clone())]);
    let now = date(SIGNED_AT);
    let canonical = CanonicalRequest::new(&Method::GET, USERS, Some("application/json"), &now, BodyDigest::EMPTY);
    let signature = key.sign(&canonical);
    // `Display` of a signature is how it is sent: that one is meant.
    assert_eq!(signature.to_string(), signatures()[0]);
    debug!(credentials(), key, handle, digests, accounts, found, presented, canonical)
        + &debug!(signature, BodyDigest::of(BODY), RebuildFromBytes)
        + &format!("{canonical} {} ", BodyDigest::of(BODY))
}

/// What the services, futures, requests and responses of one exchange say.
async fn futures(request: Request<Body>) -> String {
    let verify = LogentriesVerifyLayer::new(credentials()).clock(at(SIGNED_AT));
    let show = |request: Request<Body>| {
        let text = debug!(request, request.headers());
        (request, text)
    };
    let server = service_fn(move |request| {
        let (request, text) = show(request);
        async move { answer(request.map(|_| Body::from(text))).await }
    });
    let sent = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let below = sent.clone();
    let mut client = ServiceBuilder::new()
        .layer(layer_for(ORIGIN).clock(at(SIGNED_AT)))
        .map_request(move |request| {
            let (request, text) = show(request);
            below.lock().unwrap().push_str(&text);
            request
        })
        .service(verify.layer(server));
    let future = client.call(request);
    let mut text = debug!(future);
    let response = future.await.unwrap();
    text += &debug!(response.status(), response.headers(), response.extensions(), response.body());
    text += &String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap();
    text += &debug!(verify.layer(server).call(Request::get(LOGS).body(Body::empty()).unwrap()));
    let sent = sent.lock().unwrap().clone();
    text + &sent
}

pub(super) async fn errors() -> String {
    let mut text = made_wrong();
    let layer = layer_for(ORIGIN).clock(at(SIGNED_AT)).body_limit(1_000);
    let refuse = async |layer: LogentriesAuthLayer, request: Request<Body>| {
        let error = layer.layer(hyper_client()).oneshot(request).await.unwrap_err();
        whole_error(&error)
    };
    for [origin, target] in
        [["http://localhost", "/"], ["https://evil.example", USERS], ["http://a:b@localhost", USERS]]
    {
        for request in requests(&format!("{origin}{}", target.trim_end_matches('/'))) {
            // Port 80 of localhost serves nothing: the error is then that of the connection, around hyper's own.
            text += &refuse(layer.clone(), request).await;
        }
    }
    for bad in bad_requests() {
        text += &refuse(layer.clone(), bad).await;
    }
    let none = LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap()).trust_origin(ORIGIN).unwrap();
    text += &refuse(none, requests(ORIGIN).remove(3)).await;
    let no_time = layer.clock(|| std::time::UNIX_EPOCH - std::time::Duration::from_secs(1));
    text += &refuse(no_time, requests(ORIGIN).remove(3)).await;
    text
}

/// Keys and origins that are no good, each with a secret in it.
fn made_wrong() -> String {
    let mut text = String::new();
    for key in [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, &signatures()[0]] {
        for bad in
            [format!("{key}\n"), format!(" {key}"), format!("{key}\0"), format!("{key}\u{e9}"), format!("{key}:")]
        {
            let errors = [OwnerKey::new(KEY_ID, &bad).err(), OwnerKey::new(&bad, "key").err()];
            let more = [Credentials::read_write(&bad).err(), Credentials::read_only(&bad).err()];
            errors.iter().chain(&more).flatten().for_each(|error| text += &whole_error(error));
        }
        for bad in [format!("https://user:{key}@localhost"), format!("https://localhost/{key}"), format!("{key} ")] {
            text += &whole_error(&layer_for(ORIGIN).trust_origin(&bad).unwrap_err());
        }
    }
    let accounts = MemoryKeyStore::new();
    accounts.insert("acme", &credentials()).unwrap();
    text + &whole_error(&accounts.insert("globex", &credentials()).unwrap_err())
}

/// Requests that can't be signed, or not be read.
fn bad_requests() -> Vec<Request<Body>> {
    let post = || Request::post(format!("{ORIGIN}{USERS}"));
    let scripted = |acts: Vec<Act>| Body::new(Scripted::new(acts).claiming(10));
    vec![
        Request::get(USERS).body(Body::empty()).unwrap(),
        post().header("host", "evil.example").body(Body::empty()).unwrap(),
        post().method("BREW").body(Body::empty()).unwrap(),
        post().header("content-type", "a/b").header("content-type", "c/d").body(Body::empty()).unwrap(),
        post().header("content-type", "\u{e9}".as_bytes()).body(Body::empty()).unwrap(),
        post().body(vec![7; 1_001].into()).unwrap(),
        post().body(scripted(vec![Act::Fail("the disk is gone")])).unwrap(),
        post().body(scripted(vec![Act::Data(b"five!")])).unwrap(),
    ]
}

/// What the verifying layer says to those whom it refuses, and of them.
pub(super) async fn rejections() -> String {
    let [empty, _] = signatures();
    let gone = || std::io::Error::other("the database is gone");
    let failing = key_store_fn(
        (),
        move |(), _| async move { Err::<Vec<OwnerKey>, _>(gone()) },
        move |(), _| async move { Err::<Option<StoredApiKey>, _>(gone()) },
    );
    let mut text = String::new();
    for (name, value) in [
        ("x-api-key", READ_WRITE_KEY.to_owned()),
        ("x-api-key", READ_ONLY_KEY.to_owned()),
        ("x-api-key", OWNER_KEY.to_owned()),
        ("authorization-api-key", format!("{KEY_ID}:{empty}")),
        ("authorization-api-key", format!("other:{empty}")),
        ("authorization-api-key", empty),
    ] {
        let request =
            || Request::put(USERS).header(name, &*value).header("date", date(SIGNED_AT)).body(Body::empty()).unwrap();
        let verify = LogentriesVerifyLayer::new(credentials()).clock(at(SIGNED_AT));
        text += &rejected(verify.layer(service_fn(answer)).oneshot(request()).await.unwrap()).await;
        let explaining = verify.clone().explain_rejections(Explain::Response);
        text += &rejected(explaining.layer(service_fn(answer)).oneshot(request()).await.unwrap()).await;
        let late = verify.clock(at(SIGNED_AT + 1_000));
        text += &rejected(late.layer(service_fn(answer)).oneshot(request()).await.unwrap()).await;
        let failing = LogentriesVerifyLayer::new(failing.clone()).clock(at(SIGNED_AT));
        text += &rejected(failing.layer(service_fn(answer)).oneshot(request()).await.unwrap()).await;
    }
    text
}

async fn rejected(response: Response<ResponseBody<Body>>) -> String {
    assert!(!response.status().is_success());
    let rejection = response.extensions().get::<Rejection>().unwrap();
    let text = whole_error(rejection) + &debug!(response);
    text + &String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// What the futures of both layers panic with where they are polled once too often.
pub(super) async fn panics() -> String {
    let mut text = String::new();
    for request in requests("https://evil.example").into_iter().chain(bad_requests()) {
        text += &panic_of(layer_for(ORIGIN).layer(service_fn(answer)).call(request));
    }
    for name in ["x-api-key", "authorization-api-key"] {
        let request = Request::put(USERS).header(name, READ_WRITE_KEY).body(Body::empty()).unwrap();
        text += &panic_of(LogentriesVerifyLayer::new(credentials()).layer(service_fn(answer)).call(request));
    }
    assert!(text.contains("polled after completion"), "{text}");
    text
}

fn panic_of<F: Future<Output: Debug>>(future: F) -> String {
    let mut future = Box::pin(future);
    let output = future.as_mut().now_or_never().expect("nothing to wait for");
    let panicked = catch_unwind(AssertUnwindSafe(|| future.as_mut().now_or_never().is_some())).unwrap_err();
    let message = panicked.downcast_ref::<&str>().copied().or(panicked.downcast_ref::<String>().map(|text| &**text));
    format!("{} {output:?} ", message.unwrap())
}
