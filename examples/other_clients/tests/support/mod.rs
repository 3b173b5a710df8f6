//! What the tests share: servers that keep what they got, and a check of signatures that shares no code with the crate.

use std::{
    collections::VecDeque,
    mem,
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

pub(crate) const KEY_ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
pub(crate) const OWNER_KEY: &str = "0wner5ec-2e71-4d50-8cdf-06c11ee67789";
pub(crate) const READ_ONLY_KEY: &str = "ro5ecret-1f2a-4b3c-9d8e-7f6a5b4c3d2e";

pub(crate) const LOGS: &str = "/management/logs";
pub(crate) const USERS: &str = "/management/accounts/acme/users";

pub(crate) fn credentials() -> Credentials {
    Credentials::owner(KEY_ID, OWNER_KEY).and_then(|keys| keys.with_read_only(READ_ONLY_KEY)).unwrap()
}

pub(crate) fn layer_for(origin: &str) -> LogentriesAuthLayer {
    LogentriesAuthLayer::new(credentials()).trust_origin(origin).unwrap()
}

/// Runs a program of this crate against a server; returns what it printed.
pub(crate) fn run(program: &str, origin: Option<&str>) -> String {
    let mut command = Command::new(program);
    command
        .args(origin)
        .env("LOGENTRIES_OWNER_API_KEY_ID", KEY_ID)
        .env("LOGENTRIES_OWNER_API_KEY", OWNER_KEY)
        .env("LOGENTRIES_RO_API_KEY", READ_ONLY_KEY)
        .env("NO_PROXY", "127.0.0.1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A request as it came over the wire.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{values:?}");
        values.first().map(|value| value.to_str().unwrap())
    }

    /// Fails if this is not signed as Rapid7's guide says.
    #[track_caller]
    pub(crate) fn assert_signed(&self) {
        let path = self.target.split('?').next().unwrap().trim_matches('/');
        let (content_type, date) = (self.header("content-type").unwrap_or_default(), self.header("date").unwrap());
        let hashed_body = STANDARD.encode(Sha256::digest(&self.body));
        let mut mac = Hmac::<Sha1>::new_from_slice(OWNER_KEY.as_bytes()).unwrap();
        mac.update([&self.method, content_type, date, path, &hashed_body].concat().as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(self.header("authorization-api-key"), Some(&*format!("{KEY_ID}:{signature}")), "{self:?}");
        assert_eq!(self.header("x-api-key"), None);
    }

    #[track_caller]
    pub(crate) fn assert_has_read_only_key(&self) {
        assert_eq!(self.header("x-api-key"), Some(READ_ONLY_KEY));
        assert_eq!(self.header("authorization-api-key"), None);
    }
}

/// What a server got, and the statuses and headers with which it answers first.
#[derive(Clone, Default)]
pub(crate) struct Recording {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<Response>>>,
}

impl Recording {
    /// What came since the last time.
    pub(crate) fn take(&self) -> Vec<Received> {
        mem::take(&mut *self.received.lock().unwrap())
    }

    pub(crate) fn only(&self) -> Received {
        let mut received = self.take();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// Has the server answer the next request so, before it is verified.
    pub(crate) fn answer_next(&self, status: u16, header: (&str, &str)) {
        let response = Response::builder().status(status).header(header.0, header.1);
        self.answers.lock().unwrap().push_back(response.body(Body::empty()).unwrap());
    }
}

/// Starts a server behind the crate's verifying layer, which keeps all requests, rejected ones too.
pub(crate) fn api() -> (String, Recording) {
    let recording = Recording::default();
    let app: Router = other_clients::api(credentials()).layer(from_fn_with_state(recording.clone(), keep));
    (other_clients::serve(app).unwrap(), recording)
}

async fn keep(State(recording): State<Recording>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    recording.received.lock().unwrap().push(Received {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.clone(),
        body: body.clone(),
    });
    let answer = recording.answers.lock().unwrap().pop_front();
    match answer {
        Some(answer) => answer,
        None => next.run(Request::from_parts(head, Body::from(body))).await,
    }
}
