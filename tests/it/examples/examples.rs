//! The examples, run as a user runs them. `child::run` runs one that ends, `child::Served` one that serves.

use std::fs;

use axum::{Extension, Router, body::Body, response::Response};
use tower_logentries_auth::{Authenticated, Credentials, LogentriesVerifyLayer};

use crate::{
    canonical::vectors::Vector,
    support::{
        KEY_ID, OWNER_KEY, USERS,
        child::{self, Ran},
        credentials,
        server::{self, record_and},
        tls,
    },
};

#[test]
fn every_example_has_a_line_in_the_readme() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let readme = fs::read_to_string(format!("{directory}/README.md")).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(name == "README" || readme.contains(&format!("| [`{name}`](")), "{name}");
    }
}

/// Starts a server that accepts what the API would, and answers with the access that was granted.
async fn api() -> String {
    let app = Router::new()
        .fallback(|Extension(who): Extension<Authenticated>| async move { format!("{} access", who.access) })
        .layer(LogentriesVerifyLayer::new(credentials()));
    server::serve(app).await
}

/// Asserts that a program succeeded and wrote each of these, in this order.
fn assert_wrote(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut rest = &*ran.stdout;
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not in the rest of {ran:?}")).1;
    }
}

#[tokio::test]
async fn quickstart_shows_accepted_and_rejected_requests() {
    let ran = child::run("quickstart", &[]).await;
    assert_wrote(&ran, &["200 OK", "jane@smyth.com", "200 OK", "john@smyth.com", "401 Unauthorized"]);
}

#[tokio::test]
async fn hyper_client_exit_status() {
    let ran = child::run("hyper_client", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access"]);
    let refusing = LogentriesVerifyLayer::new(Credentials::read_only("another-key").unwrap());
    let ran = child::run("hyper_client", &[&server::serve(Router::new().layer(refusing)).await]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.starts_with("401 Unauthorized"), "{ran:?}");
    let ran = child::run("hyper_client", &["no origin"]).await;
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.starts_with("Error: not an origin: "), "{ran:?}");
}

#[tokio::test]
async fn reqwest_client_is_accepted() {
    let ran = child::run("reqwest_client", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access", "200 OK", "owner access"]);
}

#[tokio::test]
async fn reqwest_middleware_is_accepted() {
    let ran = child::run("reqwest_middleware", &[&api().await]).await;
    assert_wrote(&ran, &["200 OK", "read-only access", "200 OK", "owner access", "200 OK", "owner access"]);
}

#[tokio::test]
async fn reqwest_redirects_stops_at_untrusted_origin() {
    let sent_to = |location: String| {
        record_and(move |received| match received.target == USERS {
            true => Response::builder().status(302).header("location", &location).body(Body::empty()).unwrap(),
            false => Response::new(Body::from("moved")),
        })
    };
    let (origin, recording) = sent_to("/management/accounts/new/users".to_owned()).await;
    assert_wrote(&child::run("reqwest_redirects", &[&origin]).await, &["/new/users 200 OK", "moved"]);
    assert_eq!(recording.take().iter().map(server::Received::signature_error).collect::<Vec<_>>(), [None, None]);

    let (foreign, unreached) = server::record().await;
    let (origin, _) = sent_to(foreign).await;
    let ran = child::run("reqwest_redirects", &[&origin]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("Error: refusing to send credentials to"), "{ran:?}");
    assert!(unreached.take().is_empty());
}

#[tokio::test]
async fn upload_file_streams_what_it_hashed() {
    let ran = child::run("upload_file", &["--mib", "8"]).await;
    assert_wrote(&ran, &["8388608 bytes", "Hashed", "200 OK", "Peak memory"]);
}

#[tokio::test]
async fn missing_keys_are_named() {
    for example in ["reqwest_client", "reqwest_middleware", "reqwest_redirects", "signing_gateway"] {
        let mut command = child::command(example);
        for key in ["OWNER_API_KEY_ID", "OWNER_API_KEY", "RW_API_KEY", "RO_API_KEY"] {
            command.env_remove(format!("LOGENTRIES_{key}"));
        }
        let ran = child::finish(&mut command).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with("Error: no Logentries key in the environment"), "{ran:?}");
    }
}

mod gen_signature {
    use super::*;

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
        vectors
            .retain(|v| v.content_type.as_deref() == Some("application/json") && String::from_utf8(v.body()).is_ok());
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
        assert!(ran.stderr.contains("the server answered 401"), "{ran:?}");
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
            (with(0, "with blank"), "whitespace"),
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
}
