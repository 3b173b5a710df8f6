//! Keys from anywhere, and from the environment. A test can't change its own environment without `unsafe`, so that is read
//! by a child process: this test binary again, which reads and prints if [`READING`] is set.

use std::{
    collections::HashMap,
    env,
    ffi::{OsStr, OsString},
    sync::Mutex,
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::process::Command;
use tower::BoxError;
use tower_logentries_auth::{Access, Credentials, CredentialsError, LogentriesAuthLayer};

use super::describe;
use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, assert_no_secrets, child,
    inner::{name_of_key, pass},
};

const READING: &str = "TOWER_LOGENTRIES_AUTH_TEST_READS_ENVIRONMENT";
const READER: &str = "credentials::sources::environment_is_read";

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

/// A host of either kind: what a platform key is preferred on, and what it is not.
const HOSTS: [&str; 2] = ["https://rest.logentries.com", "https://eu.api.insight.rapid7.com/log_search"];

/// Which key a request for each access to each host is sent with, or why there are no credentials.
async fn keys_of(credentials: Result<Credentials, CredentialsError>) -> String {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return describe(&error),
    };
    let layer = LogentriesAuthLayer::new(credentials);
    let mut keys = Vec::new();
    for host in HOSTS {
        for access in [Access::ReadOnly, Access::ReadWrite, Access::Owner] {
            let request = Request::get(format!("{host}{LOGS}")).extension(access).body(Full::<Bytes>::default());
            let sent = pass(&layer, request.unwrap()).await;
            keys.push(sent.as_ref().map_or("none", name_of_key));
        }
    }
    keys.join(", ")
}

fn expected([id, owner, platform, read_write, read_only]: [bool; 5]) -> String {
    if id != owner {
        let (set, missing) = if id { (OWNER_ID_NAME, OWNER_NAME) } else { (OWNER_NAME, OWNER_ID_NAME) };
        return format!("{set} without {missing}");
    }
    if ![owner, platform, read_write, read_only].contains(&true) {
        return "no keys".to_owned();
    }
    let (owner, platform) = (owner.then_some("owner"), platform.then_some("platform"));
    let (read_write, read_only) = (read_write.then_some("read/write"), read_only.then_some("read-only"));
    let elsewhere = read_write.or(platform).or(owner);
    let on_platform = platform.or(read_write).or(owner);
    let keys = [read_only.or(elsewhere), elsewhere, owner, platform.or(read_only).or(on_platform), on_platform, owner];
    keys.map(|key| key.unwrap_or("none")).join(", ")
}

#[tokio::test]
async fn every_combination_is_read() {
    for combination in 0..32 {
        let is_set = [0, 1, 2, 3, 4].map(|variable| combination >> variable & 1 == 1);
        let set: HashMap<_, _> =
            VARIABLES.into_iter().zip(is_set).filter_map(|(v, is_set)| is_set.then_some(v)).collect();
        assert_eq!(keys_of(Credentials::from_lookup(|name| set.get(name))).await, expected(is_set), "{is_set:?}");
    }
}

/// What is read where one of the values is another.
fn lookup_with(changed: &str, value: &str) -> Result<Credentials, CredentialsError> {
    Credentials::from_lookup(|name| {
        let (_, good) = VARIABLES.iter().find(|(known, _)| *known == name)?;
        Some(if name == changed { value.to_owned() } else { (*good).to_owned() })
    })
}

#[tokio::test]
async fn one_line_end_after_a_value_is_ignored() {
    let all = expected([true; 5]);
    for (name, value) in VARIABLES {
        for end in ["", "\n", "\r\n"] {
            assert_eq!(keys_of(lookup_with(name, &format!("{value}{end}"))).await, all, "{name} {end:?}");
        }
        for text in [format!("{value}\n\n"), format!("\n{value}"), format!("{value} \n"), format!("{value}\n\r")] {
            let error = lookup_with(name, &text).unwrap_err();
            assert_eq!(describe(&error), format!("whitespace: {name}"), "{text:?}");
            assert_no_secrets(&format!("{error} {error:?}"));
        }
        assert_eq!(describe(&lookup_with(name, "\n").unwrap_err()), format!("empty: {name}"));
    }
    assert_eq!(describe(&lookup_with(OWNER_ID_NAME, "id:key").unwrap_err()), "colon");
}

#[test]
fn each_name_is_looked_up_once_and_no_other() {
    let asked = Mutex::new(Vec::new());
    let found = Credentials::from_lookup(|name| {
        asked.lock().unwrap().push(name.to_owned());
        None::<&str>
    });
    assert_eq!(describe(&found.unwrap_err()), "no keys");
    assert_eq!(asked.into_inner().unwrap(), VARIABLES.map(|(name, _)| name));
}

#[test]
fn value_that_cannot_be_read_is_no_value_that_is_missing() {
    let good = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    for (unreadable, _) in VARIABLES {
        let error = Credentials::try_from_lookup(|name| match name {
            name if name == unreadable => Err(BoxError::from("the file cannot be read")),
            name => Ok(good(name)),
        });
        assert_eq!(error.unwrap_err().to_string(), "the file cannot be read", "{unreadable}");
    }
    let found: Result<_, BoxError> = Credentials::try_from_lookup(|_| Ok(None::<String>));
    let error = found.unwrap_err();
    assert_eq!(describe(error.downcast_ref().unwrap()), "no keys");
    assert!(Credentials::try_from_lookup::<_, CredentialsError>(|name| Ok(good(name))).is_ok());
}

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

#[tokio::test]
async fn environment_is_read() {
    if env::var_os(READING).is_some() {
        println!("read: {}", keys_of(Credentials::from_env()).await);
        return;
    }
    assert_eq!(read_with(VARIABLES).await, expected([true; 5]));
    assert_eq!(read_with(Vec::<(&str, &str)>::new()).await, "no keys");
}

/// All variables, one of them with another value.
async fn read_spoilt(name: &str, value: &OsStr) -> String {
    read_with(VARIABLES.map(|(n, good)| (n, if n == name { value.to_owned() } else { OsString::from(good) }))).await
}

#[tokio::test]
async fn invalid_variable_is_named() {
    for (name, _) in VARIABLES {
        assert_eq!(read_spoilt(name, OsStr::new("")).await, format!("empty: {name}"));
        assert_eq!(read_spoilt(name, OsStr::new("7f7c461f\n")).await, format!("whitespace: {name}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn non_unicode_variable_is_named() {
    use std::os::unix::ffi::OsStrExt;

    for (name, _) in VARIABLES {
        assert_eq!(read_spoilt(name, OsStr::from_bytes(b"7f7c\xff")).await, format!("not ASCII: {name}"));
    }
}
