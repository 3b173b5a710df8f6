//! The example of that name, which signs one request.

use axum::{body::Body, response::Response};

use super::{api, assert_wrote};
use crate::{
    scheme::vectors::Vector,
    support::{
        KEY_ID, OWNER_KEY, USERS,
        child::{self, Ran},
        server::{self, record_and},
        tls,
    },
};

async fn gen_signature(arguments: &[&str]) -> Ran {
    let ran = child::run("gen_signature", arguments).await;
    assert!(!format!("{ran:?}").contains(OWNER_KEY), "{ran:?}");
    ran
}

#[tokio::test]
async fn dry_run_matches_vectors_and_sends_nothing() {
    let (origin, recording) = server::record().await;
    // What has another Content-Type, the script does not make; what is no text, is no argument.
    let mut vectors = Vector::all();
    vectors.retain(|v| v.content_type.as_deref() == Some("application/json") && String::from_utf8(v.body()).is_ok());
    assert!(!vectors.is_empty());
    for vector in vectors {
        let body = String::from_utf8(vector.body()).unwrap();
        let options = ["--dry-run", "--date", &vector.date, "--url", &origin];
        let request = [&*vector.api_key, &vector.api_key_id, &vector.method, &vector.target, &body];
        let ran = child::run("gen_signature", &[options, request].concat()).await;
        let canonical = format!("canonical string: {}\n", vector.canonical_string);
        let credential = format!("authorization-api-key: {}\n", vector.authorization_api_key);
        assert_wrote(&ran, &[&canonical, &credential]);
        assert!(!ran.stdout.contains(&vector.api_key), "{ran:?}");
    }
    assert!(recording.take().is_empty());
}

#[tokio::test]
async fn sends_what_it_shows() {
    let (origin, recording) = record_and(|_| Response::new(Body::from("[the users]"))).await;
    let path = &USERS[1..];
    let ran = gen_signature(&["--url", &origin, OWNER_KEY, KEY_ID, "POST", path, r#"{"user":{}}"#]).await;
    let received = recording.only();
    assert_eq!(received.signature_error(), None);
    assert_eq!((&*received.target, &received.body[..]), (USERS, &br#"{"user":{}}"#[..]));
    let shown = |name| format!("{name}: {}\n", received.header(name).unwrap());
    for name in ["content-type", "date", "authorization-api-key"] {
        assert_wrote(&ran, &[&shown(name), "200 OK", "[the users]"]);
    }
}

#[tokio::test]
async fn rejection_is_exit_status_1() {
    let ran = gen_signature(&["--url", &api().await, "another-key", KEY_ID, "GET", USERS, ""]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("401 Unauthorized\n{\"errorCode\""), "{ran:?}");
}

#[tokio::test]
async fn refused_connection_is_exit_status_1() {
    let (origin, _held) = server::refused_port();
    let ran = gen_signature(&["--url", &origin, OWNER_KEY, KEY_ID, "GET", USERS, ""]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.to_lowercase().contains("connection refused"), "{ran:?}");
}

#[tokio::test]
async fn untrusted_certificate_is_exit_status_1() {
    let (app, recording) = server::recorder(|_| Response::new(Body::empty()));
    let (origin, _) = tls::serve(app).await;
    let ran = gen_signature(&["--url", &origin, OWNER_KEY, KEY_ID, "GET", USERS, ""]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("invalid peer certificate"), "{ran:?}");
    assert!(recording.take().is_empty());
}

#[tokio::test]
async fn invalid_arguments_are_explained() {
    let good = [OWNER_KEY, KEY_ID, "GET", USERS, ""];
    let with = |at: usize, other| {
        let mut arguments = good.to_vec();
        arguments[at] = other;
        arguments
    };
    let cases = [
        (vec![], "arguments were not provided"),
        (good[..4].to_vec(), "<BODY>"),
        ([&good[..], &["more"]].concat(), "unexpected argument 'more'"),
        ([&["--dryrun"], &good[..]].concat(), "unexpected argument '--dryrun'"),
        ([&["--date", "yesterday"], &good[..]].concat(), "'--date <DATE>'"),
        ([&["--url", "127.0.0.1"], &good[..]].concat(), "not an origin"),
        (with(0, "with space"), "whitespace"),
        (with(1, "an:id"), "':'"),
        (with(2, "GE T"), "invalid HTTP method"),
        (with(3, "https://rest.logentries.com/"), "it is a path: name the origin with --url"),
    ];
    for (arguments, problem) in cases {
        let ran = gen_signature(&arguments).await;
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(problem) && ran.stderr.contains("--help"), "{ran:?}");
    }
}
