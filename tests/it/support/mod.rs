//! What the tests share: keys that can be searched for, clocks, servers, bodies, and an independent verifier.

pub(crate) mod bodies;
pub(crate) mod child;
pub(crate) mod clients;
pub(crate) mod clock;
pub(crate) mod hosts;
pub(crate) mod inner;
pub(crate) mod log;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sockets;
pub(crate) mod tls;
pub(crate) mod uploads;
pub(crate) mod verifying;
pub(crate) mod wire;

use std::{
    env,
    error::Error,
    time::{Duration, SystemTime},
};

use axum::body::Body;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use proptest::prelude::ProptestConfig;
use tower_logentries_auth::{Credentials, LogentriesAuthLayer};

pub(crate) const KEY_ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
/// Sentinels: none of these may ever be seen where it is not meant to be.
pub(crate) const OWNER_KEY: &str = "0wner5ec-2e71-4d50-8cdf-06c11ee67789";
pub(crate) const READ_WRITE_KEY: &str = "rw5ecret-8a3c-4c9b-8f0e-0d5a9b7c6e21";
pub(crate) const READ_ONLY_KEY: &str = "ro5ecret-1f2a-4b3c-9d8e-7f6a5b4c3d2e";
pub(crate) const PLATFORM_KEY: &str = "pl5ecret-9c3b-4a7d-8e1f-2d4c6b8a0f13";

/// A resource for each access, to be read.
pub(crate) const LOGS: &str = "/management/logs";
pub(crate) const TEAMS: &str = "/management/accounts/acme/teams";
pub(crate) const USERS: &str = "/management/accounts/acme/users";

/// The time of most vectors: `Thu, 17 Aug 2017 20:16:24 GMT`.
pub(crate) const SIGNED_AT: u64 = 1_503_000_984;

/// All three keys.
pub(crate) fn credentials() -> Credentials {
    Credentials::owner(KEY_ID, OWNER_KEY)
        .and_then(|credentials| credentials.with_read_write(READ_WRITE_KEY))
        .and_then(|credentials| credentials.with_read_only(READ_ONLY_KEY))
        .unwrap()
}

/// A clock that stands still.
pub(crate) fn at(second: u64) -> impl Fn() -> SystemTime + Clone + Send + Sync + 'static {
    move || SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

/// How many cases a property is tried with, unless `PROPTEST_CASES` says so.
pub(crate) fn cases(many: u32) -> ProptestConfig {
    match env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(many),
    }
}

/// A layer with all three keys.
pub(crate) fn layer() -> LogentriesAuthLayer {
    LogentriesAuthLayer::new(credentials())
}

/// The same, trusting this origin.
pub(crate) fn layer_for(origin: &str) -> LogentriesAuthLayer {
    layer().trust_origin(origin).unwrap()
}

/// A hyper client.
pub(crate) fn hyper_client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Waits for a future, or fails the test instead of hanging.
pub(crate) async fn with_timeout<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}

/// An error and all its causes, as a log would show them: each in `Display` and `Debug`.
pub(crate) fn whole_error(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text += &format!("{error} {error:?} ");
        next = error.source();
    }
    text
}

/// An error and all its causes in `Display`, as events have them.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}

/// Fails where `text` shows one of the keys.
#[track_caller]
pub(crate) fn assert_no_secrets(text: &str) {
    for secret in [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, PLATFORM_KEY] {
        assert!(!text.contains(secret), "{text}");
    }
}
