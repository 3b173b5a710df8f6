//! Keys from the environment. A test can't change its own without `unsafe`, so each reading is that of a child process:
//! this test binary again, which reads and prints if [`READING`] is set.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::process::Command;
use tower_logentries_auth::{Access, Credentials, CredentialsError, LogentriesAuthLayer};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, assert_no_secrets, child,
    inner::{name_of_key, pass},
};

const READING: &str = "TOWER_LOGENTRIES_AUTH_TEST_READS_ENVIRONMENT";
const READER: &str = "credentials::environment::every_combination_of_variables";

const OWNER_ID_NAME: &str = "LOGENTRIES_OWNER_API_KEY_ID";
const OWNER_NAME: &str = "LOGENTRIES_OWNER_API_KEY";
const PLATFORM_NAME: &str = "LOGENTRIES_PLATFORM_API_KEY";
const READ_WRITE_NAME: &str = "LOGENTRIES_RW_API_KEY";
const READ_ONLY_NAME: &str = "LOGENTRIES_RO_API_KEY";

const VARIABLES: [(&str, &str); 5] = [
    (OWNER_ID_NAME, KEY_ID),
    (OWNER_NAME, OWNER_KEY),
    (PLATFORM_NAME, PLATFORM_KEY),
    (READ_WRITE_NAME, READ_WRITE_KEY),
    (READ_ONLY_NAME, READ_ONLY_KEY),
];

/// What a process with these variables, and no others of ours, makes of its environment.
async fn read_with<V: AsRef<OsStr>>(variables: impl IntoIterator<Item = (&'static str, V)>) -> String {
    let mut reader = Command::new(env::current_exe().unwrap());
    reader.args([READER, "--exact", "--nocapture"]).env(READING, "1");
    for (name, _) in VARIABLES {
        reader.env_remove(name);
    }
    let ran = child::finish(reader.envs(variables)).await;
    assert_no_secrets(&format!("{ran:?}"));
    let read = ran.stdout.split_once("read: ").and_then(|(_, rest)| rest.lines().next());
    read.unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

/// A host of either kind: what a platform key is preferred on, and what it is not.
const HOSTS: [&str; 2] = ["https://rest.logentries.com", "https://eu.api.insight.rapid7.com/log_search"];

/// Which key a request for each access to each host is sent with, or why there are no credentials.
async fn read() -> String {
    let credentials = match Credentials::from_env() {
        Ok(credentials) => credentials,
        Err(error) => return error.to_string(),
    };
    let layer = LogentriesAuthLayer::new(credentials);
    let mut keys = Vec::new();
    for host in HOSTS {
        for access in [Access::ReadOnly, Access::ReadWrite, Access::Owner] {
            let request = Request::get(format!("{host}{LOGS}")).extension(access).body(Full::<Bytes>::default());
            keys.push(pass(&layer, request.unwrap()).await.ok().map(|request| name_of_key(&request)));
        }
    }
    format!("{keys:?}")
}

fn expected([id, owner, platform, read_write, read_only]: [bool; 5]) -> String {
    if id != owner {
        let (set, missing) = if id { (OWNER_ID_NAME, OWNER_NAME) } else { (OWNER_NAME, OWNER_ID_NAME) };
        return CredentialsError::IncompleteOwnerKey { set, missing }.to_string();
    }
    if ![owner, platform, read_write, read_only].contains(&true) {
        return CredentialsError::NoKeysInEnv.to_string();
    }
    let (owner, platform) = (owner.then_some("owner"), platform.then_some("platform"));
    let (read_write, read_only) = (read_write.then_some("read/write"), read_only.then_some("read-only"));
    let elsewhere = read_write.or(platform).or(owner);
    let on_platform = platform.or(read_write).or(owner);
    format!(
        "{:?}",
        [read_only.or(elsewhere), elsewhere, owner, platform.or(read_only).or(on_platform), on_platform, owner,]
    )
}

#[tokio::test]
async fn every_combination_of_variables() {
    if env::var_os(READING).is_some() {
        println!("read: {}", read().await);
        return;
    }
    for combination in 0..32 {
        let is_set = [0, 1, 2, 3, 4].map(|variable| combination >> variable & 1 == 1);
        let set = VARIABLES.into_iter().zip(is_set).filter_map(|(variable, is_set)| is_set.then_some(variable));
        assert_eq!(read_with(set).await, expected(is_set), "{is_set:?}");
    }
}

/// All variables, one of them holding something else.
async fn read_spoilt(name: &str, value: &OsStr) -> String {
    read_with(VARIABLES.map(|(n, good)| (n, if n == name { value.to_owned() } else { OsString::from(good) }))).await
}

#[tokio::test]
async fn invalid_variable_is_named() {
    for (name, _) in VARIABLES {
        let error = |error: CredentialsError| error.to_string();
        assert_eq!(read_spoilt(name, OsStr::new("")).await, error(CredentialsError::Empty { name }));
        assert_eq!(read_spoilt(name, OsStr::new("7f7c461f\n")).await, error(CredentialsError::Whitespace { name }));
    }
    assert_eq!(read_spoilt(OWNER_ID_NAME, OsStr::new("id:key")).await, CredentialsError::ColonInKeyId.to_string());
}

#[cfg(unix)]
#[tokio::test]
async fn non_unicode_variable_is_named() {
    use std::os::unix::ffi::OsStrExt;

    for (name, _) in VARIABLES {
        let error = CredentialsError::NotAscii { name }.to_string();
        assert_eq!(read_spoilt(name, OsStr::from_bytes(b"7f7c\xff")).await, error);
    }
}
