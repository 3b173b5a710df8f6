//! The worked example of the guide: its values are those of the vectors, and each of its recipes sends that request.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::{process::Command, time::timeout};
use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};

use super::vectors::Vector;
use crate::support::{SIGNED_AT, at, server};

const PAGE: &str = include_str!("../../../src/guide/signing.md");

/// The only code block in this language.
fn block(language: &str) -> &'static str {
    let blocks = PAGE.split("```").skip(1).step_by(2);
    let mut blocks = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    blocks.next().filter(|_| blocks.next().is_none()).expect("one block in this language")
}

fn vector() -> Vector {
    Vector::all().into_iter().find(|vector| vector.name == "add user").unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_value_is_that_of_the_vector() {
    let vector = vector();
    let sha256 = Sha256::digest(vector.body());
    let mut mac = Hmac::<Sha1>::new_from_slice(vector.api_key.as_bytes()).unwrap();
    mac.update(vector.canonical_string.as_bytes());
    let mac = mac.finalize().into_bytes();
    let body = String::from_utf8(vector.body()).unwrap();
    let expected = [
        ("owner key id", &*vector.api_key_id),
        ("owner key", &vector.api_key),
        ("method", &vector.method),
        ("target", &vector.target),
        ("Content-Type", vector.content_type.as_deref().unwrap()),
        ("Date", &vector.date),
        ("body", &body),
        ("path", vector.target.trim_start_matches('/')),
        ("SHA-256 of body", &hex(sha256)),
        ("in base64", &STANDARD.encode(sha256)),
        ("canonical string", &vector.canonical_string),
        ("HMAC-SHA1 of it", &hex(mac)),
        ("in base64", &STANDARD.encode(mac)),
        ("header", &format!("authorization-api-key: {}", vector.authorization_api_key)),
    ];
    let shown: Vec<_> = block("text").lines().filter(|line| !line.is_empty()).map(|line| line.split_at(19)).collect();
    let shown: Vec<_> = shown.into_iter().map(|(name, value)| (name.trim(), value)).collect();
    assert_eq!(shown, expected);
}

/// Runs a recipe against a server that verifies, and checks that it sent the request of the vector.
async fn sends_the_vector(recipe: &str, program: &str, option: &str) {
    let vector = vector();
    let (app, recording) = server::recorder(|_| axum::response::Response::new("let in".into()));
    let credentials = Credentials::owner(&vector.api_key_id, &vector.api_key).unwrap();
    let origin = server::serve(app.layer(LogentriesVerifyLayer::new(credentials).clock(at(SIGNED_AT)))).await;
    let recipe = recipe.replace("https://rest.logentries.com", &origin);
    let mut command = Command::new(program);
    command.args([option, &recipe]).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").kill_on_drop(true);
    let output = timeout(Duration::from_secs(60), command.output()).await.expect("it should have ended").unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"let in"), "{output:?}");

    let received = recording.only();
    assert_eq!((&received.method, &received.target), (&vector.method, &vector.target));
    assert_eq!(received.header("content-type"), vector.content_type.as_deref());
    assert_eq!(received.header("date"), Some(&*vector.date));
    assert_eq!(received.header("authorization-api-key"), Some(&*vector.authorization_api_key));
    assert_eq!(received.body, vector.body());
}

#[tokio::test]
#[ignore = "needs sh, openssl and curl"]
async fn recipe_for_openssl_and_curl_sends_the_vector() {
    sends_the_vector(block("sh"), "sh", "-c").await;
}

#[tokio::test]
#[ignore = "needs python3"]
async fn recipe_for_python_sends_the_vector() {
    sends_the_vector(block("python"), "python3", "-c").await;
}

#[tokio::test]
#[ignore = "needs node"]
async fn recipe_for_node_sends_the_vector() {
    sends_the_vector(block("js"), "node", "-e").await;
}
