//! Keys from the environment. A test can't change its own without `unsafe`, so each reading is that of a child process:
//! this test binary again, told by [`READING`] to read and print.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use http::Method;
use tokio::process::Command;
use tower_logentries_auth::{Access, Credentials, CredentialsError, LogentriesAuthLayer};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, assert_no_secrets, child,
    inner::{key_of, pass, to_vendor},
};

const READING: &str = "TOWER_LOGENTRIES_AUTH_TEST_READS_ENVIRONMENT";
const READER: &str = "credentials::environment::every_combination_of_variables";

const OWNER_ID_NAME: &str = "LOGENTRIES_OWNER_API_KEY_ID";
const OWNER_NAME: &str = "LOGENTRIES_OWNER_API_KEY";
const READ_WRITE_NAME: &str = "LOGENTRIES_RW_API_KEY";
const READ_ONLY_NAME: &str = "LOGENTRIES_RO_API_KEY";

const VARIABLES: [(&str, &str); 4] = [
    (OWNER_ID_NAME, KEY_ID),
    (OWNER_NAME, OWNER_KEY),
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
    reader.env_remove("LOGENTRIES_PLATFORM_API_KEY");
    let ran = child::finish(reader.envs(variables)).await;
    assert_no_secrets(&format!("{ran:?}"));
    let read = ran.stdout.split_once("read: ").and_then(|(_, rest)| rest.lines().next());
    read.unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

/// Whose key goes with a request for each access, or why there is none at all.
async fn read() -> String {
    let credentials = match Credentials::from_env() {
        Ok(credentials) => credentials,
        Err(error) => return error.to_string(),
    };
    let layer = LogentriesAuthLayer::new(credentials);
    let mut keys = Vec::new();
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Owner] {
        let mut request = to_vendor(Method::GET, LOGS);
        request.extensions_mut().insert(access);
        keys.push(pass(&layer, request).await.ok().and_then(|request| key_of(&request)));
    }
    format!("{keys:?}")
}

fn expected([id, owner, read_write, read_only]: [bool; 4]) -> String {
    if id != owner {
        let (set, missing) = if id { (OWNER_ID_NAME, OWNER_NAME) } else { (OWNER_NAME, OWNER_ID_NAME) };
        return CredentialsError::IncompleteOwnerKey { set, missing }.to_string();
    }
    if ![owner, read_write, read_only].contains(&true) {
        return CredentialsError::NoKeysInEnv.to_string();
    }
    let owner = owner.then_some(Access::Owner);
    let read_write = read_write.then_some(Access::ReadWrite).or(owner);
    let read_only = read_only.then_some(Access::ReadOnly).or(read_write);
    format!("{:?}", [read_only, read_write, owner])
}

#[tokio::test]
async fn every_combination_of_variables() {
    if env::var_os(READING).is_some() {
        println!("read: {}", read().await);
        return;
    }
    for combination in 0..16 {
        let is_set = [0, 1, 2, 3].map(|variable| combination >> variable & 1 == 1);
        let set = VARIABLES.into_iter().zip(is_set).filter_map(|(variable, is_set)| is_set.then_some(variable));
        assert_eq!(read_with(set).await, expected(is_set), "{is_set:?}");
    }
}

/// All four variables, one of them holding something else.
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
