//! Secrets, and the ways out that they do not take: one matrix of both.

mod logs;
mod untrusted_origins;
mod values;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{FutureExt, future::LocalBoxFuture};

use crate::support::{OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, USERS, clock::date, wire, with_timeout};

/// The body of the signed requests in these tests.
const BODY: &str = "a body";

/// The signatures of the signed requests in these tests: without a body, and with one.
fn signatures() -> [String; 2] {
    [("GET", ""), ("POST", BODY)].map(|(method, body)| {
        wire::signature(OWNER_KEY, method, "application/json", &date(SIGNED_AT), USERS, body.as_bytes())
    })
}

/// The forms that a secret could be seen in: as it is, in base64, in hex, or as a list of numbers.
fn forms(secret: &[u8]) -> [String; 4] {
    let list = format!("{secret:?}");
    let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    [String::from_utf8_lossy(secret).into_owned(), base64, hex, list.trim_matches(['[', ']']).to_owned()]
}

fn is_in(secret: &[u8], text: &str) -> bool {
    let text = text.to_lowercase();
    forms(secret).iter().any(|form| text.contains(&form.to_lowercase()))
}

/// The secrets, each in all the shapes that it has.
fn secrets() -> [(&'static str, Vec<Vec<u8>>); 4] {
    let signatures = signatures();
    let signature = signatures.iter().flat_map(|text| [text.clone().into(), STANDARD.decode(text).unwrap()]).collect();
    [
        ("owner key", vec![OWNER_KEY.into()]),
        ("read/write key", vec![READ_WRITE_KEY.into()]),
        ("read-only key", vec![READ_ONLY_KEY.into()]),
        ("signature", signature),
    ]
}

/// Every way out, as a future of the text that takes it.
fn ways_out() -> Vec<(&'static str, LocalBoxFuture<'static, String>)> {
    vec![
        ("Debug and Display", values::debug_and_display().boxed_local()),
        ("errors", values::errors().boxed_local()),
        ("rejections", values::rejections().boxed_local()),
        ("panics", values::panics().boxed_local()),
        ("events", logs::tracing().boxed_local()),
        ("logged requests", logs::trace_layer().boxed_local()),
        ("redirect", untrusted_origins::redirect().boxed_local()),
        ("redirect answered to reqwest", untrusted_origins::redirect_answered_to_reqwest().boxed_local()),
        ("URLs of reqwest", untrusted_origins::urls().boxed_local()),
        ("untrusted origins", untrusted_origins::untrusted().boxed_local()),
        ("Host header", untrusted_origins::host_header().boxed_local()),
    ]
}

#[tokio::test]
async fn no_secret_takes_any_way_out() {
    for (way, text) in ways_out() {
        let text = with_timeout(text).await;
        for (name, shapes) in secrets() {
            assert!(!shapes.iter().any(|shape| is_in(shape, &text)), "{name} by {way} in {text}");
        }
    }
}

/// The search that the matrix relies on does find what is there.
#[tokio::test]
async fn secrets_that_are_sent_are_found() {
    let text = untrusted_origins::sent_to_rapid7().await;
    let [(_, owner_key), (_, read_write_key), (_, read_only_key), (_, signature)] = secrets();
    for secret in [read_write_key, read_only_key, signature].concat() {
        // The raw bytes of a signature are never sent, only their base64.
        assert!(is_in(&secret, &text) || std::str::from_utf8(&secret).is_err(), "{text}");
    }
    let [owner_key] = owner_key.try_into().unwrap();
    assert!(!is_in(&owner_key, &text));
    for form in forms(&owner_key) {
        assert!(is_in(&owner_key, &format!("Debug({form})")));
    }
}
