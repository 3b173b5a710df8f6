//! Secrets, and the ways out that they do not take: one test a cell of the matrix.

mod logs;
mod untrusted_origins;
mod values;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::support::{OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, USERS, clock::date, wire};

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
mod secrets {
    use super::*;

    pub(super) fn owner_key() -> Vec<Vec<u8>> {
        vec![OWNER_KEY.into()]
    }

    pub(super) fn read_write_key() -> Vec<Vec<u8>> {
        vec![READ_WRITE_KEY.into()]
    }

    pub(super) fn read_only_key() -> Vec<Vec<u8>> {
        vec![READ_ONLY_KEY.into()]
    }

    pub(super) fn signature() -> Vec<Vec<u8>> {
        let signatures = signatures();
        signatures.iter().flat_map(|text| [text.clone().into(), STANDARD.decode(text).unwrap()]).collect()
    }
}

macro_rules! cells {
    ($secret:ident: $($way:ident)::+, $name:ident) => {
        #[tokio::test]
        async fn $name() {
            let text = super::$($way)::+::$name().await;
            for secret in super::secrets::$secret() {
                assert!(!super::is_in(&secret, &text), "{} in {text}", String::from_utf8_lossy(&secret));
            }
        }
    };
}

macro_rules! matrix {
    ($($secret:ident)+) => { $(
        mod $secret {
            cells!($secret: values, debug_and_display);
            cells!($secret: values, errors);
            cells!($secret: values, rejections);
            cells!($secret: values, panics);
            cells!($secret: logs, tracing);
            cells!($secret: logs, trace_layer);
            cells!($secret: untrusted_origins, redirect);
            cells!($secret: untrusted_origins, redirect_answered_to_reqwest);
            cells!($secret: untrusted_origins, urls);
            cells!($secret: untrusted_origins, absolute_uri);
            cells!($secret: untrusted_origins, host_header);
            cells!($secret: untrusted_origins, userinfo);
            cells!($secret: untrusted_origins, upper_case);
            cells!($secret: untrusted_origins, trailing_dot);
            cells!($secret: untrusted_origins, default_port);
            cells!($secret: untrusted_origins, ipv6);
            cells!($secret: untrusted_origins, idn);
        }
    )+ };
}

matrix! { owner_key read_write_key read_only_key signature }

/// The search that all cells rely on does find what is there.
#[tokio::test]
async fn what_is_sent_where_it_belongs_is_found() {
    let text = untrusted_origins::sent_to_the_vendor().await;
    for secret in [secrets::read_write_key(), secrets::read_only_key(), secrets::signature()].concat() {
        // The raw bytes of a signature are never sent, only their base64.
        assert!(is_in(&secret, &text) || std::str::from_utf8(&secret).is_err(), "{text}");
    }
    assert!(!is_in(OWNER_KEY.as_bytes(), &text));
    for form in forms(OWNER_KEY.as_bytes()) {
        assert!(is_in(OWNER_KEY.as_bytes(), &format!("Debug({form})")));
    }
}
