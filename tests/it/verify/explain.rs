//! `explain` finds what a client did wrong, as the Python that made `mistakes.json` did it: each mistake alone, and with each
//! other that can be made beside it.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use http::{Method, Request};
use proptest::prelude::*;
use serde::Deserialize;
use tower_logentries_auth::{
    BodyDigest, CanonicalRequest, OwnerKey,
    verify::{Mistake, explain, explain_with_key_text},
};

use crate::support::{KEY_ID, OWNER_KEY, verifying::DATE, wire};

#[derive(Deserialize)]
struct Mistakes {
    host: String,
    keys: Keys,
    requests: Vec<MistakenRequest>,
}

#[derive(Deserialize)]
struct Keys {
    owner_key_id: String,
    owner_key: String,
    read_write_key: String,
    read_only_key: String,
}

/// A request, and its signatures by the mistakes that they were made with: `code`, `code code`, or several with `or` between.
#[derive(Deserialize)]
struct MistakenRequest {
    method: String,
    target: String,
    content_type: Option<String>,
    date: String,
    body: String,
    signatures: BTreeMap<String, Vec<String>>,
}

static MISTAKES: LazyLock<Mistakes> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../mistakes.json")).unwrap());

impl Mistakes {
    fn request(&self, draft: &MistakenRequest, signature: &str) -> Request<Bytes> {
        let mut request = Request::builder()
            .method(&*draft.method)
            .uri(&draft.target)
            .header("host", &self.host)
            .header("date", &draft.date)
            .header("authorization-api-key", format!("{}:{signature}", self.keys.owner_key_id));
        if let Some(content_type) = &draft.content_type {
            request = request.header("content-type", content_type);
        }
        request.body(draft.body.clone().into()).unwrap()
    }

    fn explain(&self, request: &Request<Bytes>) -> Vec<Mistake> {
        explain(request, &OwnerKey::new(&self.keys.owner_key_id, &self.keys.owner_key).unwrap())
    }

    fn explain_with_key_text(&self, request: &Request<Bytes>) -> Vec<Mistake> {
        let Keys { owner_key_id, owner_key, read_write_key, read_only_key } = &self.keys;
        explain_with_key_text(request, owner_key_id, owner_key, &[read_write_key, read_only_key])
    }
}

fn sorted(codes: &[Mistake]) -> Vec<&'static str> {
    let mut codes: Vec<_> = codes.iter().map(|mistake| mistake.code()).collect();
    codes.sort_unstable();
    codes
}

/// Checks every signature that was made with this mistake first, and that each other but these was made together with it.
fn is_found_alone_and_with_all_but(code: &str, impossible: &[&str]) {
    let mut partners = Vec::new();
    for draft in &MISTAKES.requests {
        for (ways, signatures) in &draft.signatures {
            let ways: Vec<_> = ways.split(" or ").map(sorted_words).collect();
            partners.extend(ways.iter().filter(|codes| codes.contains(&code)).flatten().copied());
            if ways[0][0] == code {
                signatures.iter().for_each(|signature| is_found(&MISTAKES.request(draft, signature), &ways));
            }
        }
    }
    partners.sort_unstable();
    partners.dedup();
    let all: Vec<_> = all_codes().into_iter().filter(|other| !impossible.contains(other)).collect();
    assert_eq!(partners, all);
}

fn is_found(request: &Request<Bytes>, ways: &[Vec<&str>]) {
    let found = sorted(&MISTAKES.explain_with_key_text(request));
    assert!(ways.contains(&found), "{found:?} instead of {ways:?} {request:?}");
}

fn sorted_words(codes: &str) -> Vec<&str> {
    let mut codes: Vec<_> = codes.split(' ').collect();
    codes.sort_unstable();
    codes
}

fn all_codes() -> Vec<&'static str> {
    let ways = MISTAKES.requests.iter().flat_map(|draft| draft.signatures.keys());
    let mut codes: Vec<_> = ways.map(|codes| &**codes).filter(|codes| !codes.contains(' ')).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

macro_rules! codes {
    ($($name:ident: $code:literal but [$($impossible:literal)*];)+) => {
        $(#[test]
        fn $name() {
            is_found_alone_and_with_all_but($code, &[$($impossible),*]);
        })+

        #[test]
        fn all_codes_are_here() {
            let mut codes = [$($code),+];
            codes.sort_unstable();
            assert_eq!(all_codes(), codes);
        }
    };
}

// What cannot be made together: two ways to write one part, and two of which one leaves nothing for the other to change.
codes! {
    empty_hmac: "empty-hmac" but [
        "body-not-hashed" "body-hash-hex" "body-not-hashed-raw" "body-hash-missing" "body-newline" "path-leading-slash"
        "path-with-query" "path-trailing-slash" "path-decoded" "path-encoded" "path-full-url" "content-type-omitted"
        "content-type-assumed" "content-type-parameters" "method-case" "date-form" "separators"
    ];
    body_not_hashed: "body-not-hashed" but ["empty-hmac" "body-not-hashed-raw" "body-hash-missing"];
    body_hash_hex: "body-hash-hex" but ["empty-hmac" "body-not-hashed-raw" "body-hash-missing"];
    body_not_hashed_raw: "body-not-hashed-raw" but ["empty-hmac" "body-not-hashed" "body-hash-hex" "body-hash-missing"];
    body_hash_missing: "body-hash-missing" but [
        "empty-hmac" "body-not-hashed" "body-hash-hex" "body-not-hashed-raw" "body-newline"
    ];
    body_newline: "body-newline" but ["empty-hmac" "body-hash-missing"];
    path_leading_slash: "path-leading-slash" but ["empty-hmac" "path-full-url"];
    path_with_query: "path-with-query" but ["empty-hmac"];
    path_trailing_slash: "path-trailing-slash" but ["empty-hmac"];
    path_decoded: "path-decoded" but ["empty-hmac" "path-encoded"];
    path_encoded: "path-encoded" but ["empty-hmac" "path-decoded"];
    path_full_url: "path-full-url" but ["empty-hmac" "path-leading-slash"];
    content_type_omitted: "content-type-omitted" but ["empty-hmac" "content-type-assumed" "content-type-parameters"];
    content_type_assumed: "content-type-assumed" but ["empty-hmac" "content-type-omitted" "content-type-parameters"];
    content_type_parameters: "content-type-parameters" but ["empty-hmac" "content-type-omitted" "content-type-assumed"];
    method_case: "method-case" but ["empty-hmac"];
    date_form: "date-form" but ["empty-hmac"];
    separators: "separators" but ["empty-hmac"];
    hmac_sha256: "hmac-sha256" but [];
    key_bytes: "key-bytes" but ["key-id-as-key" "api-key-as-key"];
    key_id_as_key: "key-id-as-key" but ["key-bytes" "api-key-as-key"];
    api_key_as_key: "api-key-as-key" but ["key-bytes" "key-id-as-key"];
}

/// The mistakes that only the text of a key shows.
const OF_KEYS: [&str; 4] = ["hmac-sha256", "key-bytes", "key-id-as-key", "api-key-as-key"];

#[test]
fn without_the_text_of_keys_all_else_is_found() {
    let draft = &MISTAKES.requests[0];
    for (ways, signatures) in &draft.signatures {
        let request = MISTAKES.request(draft, &signatures[0]);
        match OF_KEYS.iter().any(|code| ways.contains(code)) {
            true => assert_eq!(MISTAKES.explain(&request), [], "{ways}"),
            false => assert_eq!(MISTAKES.explain(&request), MISTAKES.explain_with_key_text(&request), "{ways}"),
        }
    }
}

#[test]
fn every_code_says_what_to_do() {
    let verbs = ["sign", "send", "hash", "encode", "feed", "end", "concatenate", "make", "use"];
    for code in all_codes() {
        let (draft, signatures) =
            MISTAKES.requests.iter().find_map(|draft| Some((draft, draft.signatures.get(code)?))).unwrap();
        let found = MISTAKES.explain_with_key_text(&MISTAKES.request(draft, &signatures[0]));
        let advice = found[0].to_string();
        assert!(verbs.iter().any(|verb| advice.split([' ', ',']).next() == Some(verb)), "{code}: {advice}");
    }
}

/// A request that may be anything that http can hold.
fn any_request() -> impl Strategy<Value = Request<Bytes>> {
    let method = prop::sample::select(vec!["GET", "POST", "get", "QUERY", "BREW-\u{7e}"]);
    let text = "[ -~\t]{0,40}";
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[a-z]{0,9}(\r\n|\n|\r|\n\n)?".prop_map(String::into_bytes),
    ];
    let target = prop_oneof![
        "/[!-~]{0,40}",
        "(https?://[a-z]{1,9}(:[0-9]{1,4})?)?(/[a-zA-Z0-9%:@.~-]{0,6}){1,4}/{0,2}(\\?[!-~]{0,9})?",
        Just("*".to_owned()),
    ];
    let date = prop_oneof![Just(DATE.to_owned()), text.prop_map(|date| date)];
    (method, target, prop::option::of(text), prop::option::of(date), body).prop_filter_map(
        "not a request",
        |(method, target, content_type, date, body)| {
            let mut request = Request::builder().method(method).uri(target).header("host", "a.example");
            for (name, value) in [("content-type", content_type), ("date", date)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            request.body(Bytes::from(body)).ok()
        },
    )
}

/// The signature of a request as it is, by the wire rules that the crate has no part in.
fn sign(request: &Request<Bytes>, key: &str) -> String {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    let target = request.uri().path();
    wire::signature(key, request.method().as_str(), header("content-type"), header("date"), target, request.body())
}

fn with_signature(mut request: Request<Bytes>, signature: &str) -> Request<Bytes> {
    let credential = format!("{KEY_ID}:{signature}");
    request.headers_mut().insert("authorization-api-key", credential.parse().unwrap());
    request
}

proptest! {
    #![proptest_config(crate::support::cases(64))]

    #[test]
    fn valid_signature_is_no_mistake(request in any_request()) {
        let signature = sign(&request, OWNER_KEY);
        let request = with_signature(request, &signature);
        prop_assert_eq!(explain(&request, &OwnerKey::new(KEY_ID, OWNER_KEY).unwrap()), []);
        prop_assert_eq!(explain_with_key_text(&request, KEY_ID, OWNER_KEY, &["another-key"]), []);
    }

    /// Right or wrong, what another key signed is never explained.
    #[test]
    fn signature_of_another_key_is_not_explained(request in any_request(), draft in 0..3_usize, index: prop::sample::Index) {
        let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
        let signature = sign(&request, "another-key");
        let request = with_signature(request, &signature);
        prop_assert_eq!(explain(&request, &key), []);
        prop_assert_eq!(explain_with_key_text(&request, KEY_ID, OWNER_KEY, &["a-third-key"]), []);

        let draft = &MISTAKES.requests[draft];
        let signatures: Vec<_> = draft.signatures.iter().filter(|(codes, _)| !codes.contains("key-id-as-key")).collect();
        let (_, signatures) = signatures[index.index(signatures.len())];
        let request = MISTAKES.request(draft, &signatures[index.index(signatures.len())]);
        let others = explain_with_key_text(&request, &MISTAKES.keys.owner_key_id, OWNER_KEY, &["a-third-key"]);
        prop_assert_eq!(others, []);
    }

    /// Neither is anything that is no signature, and nothing makes it panic.
    #[test]
    fn anything_is_explained_without_panic(request in any_request(), credential in "[ -~]{0,80}") {
        let mut request = request;
        request.headers_mut().insert("authorization-api-key", credential.parse().unwrap());
        prop_assert_eq!(explain(&request, &OwnerKey::new(KEY_ID, OWNER_KEY).unwrap()), []);
        prop_assert_eq!(explain_with_key_text(&request, &credential, &credential, &[&credential, ""]), []);
    }
}

#[test]
fn credentials_that_are_none_are_not_explained() {
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    let request = Request::get("/a").header("date", DATE).body(Bytes::new()).unwrap();
    assert_eq!(explain(&request, &key), []);

    let mut twice = with_signature(request.clone(), &wire::signature(OWNER_KEY, "get", "", DATE, "/a", b""));
    assert_eq!(explain(&twice, &key), [Mistake::MethodCase]);
    let again = twice.headers()["authorization-api-key"].clone();
    twice.headers_mut().append("authorization-api-key", again);
    assert_eq!(explain(&twice, &key), []);
}

#[test]
fn body_of_any_length_is_explained_by_its_digest() {
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    let signature = |digest| key.sign(&CanonicalRequest::new(&Method::POST, "/a", None, DATE, digest)).to_string();
    for (len, finds_newline) in [(256 * 1024, true), (256 * 1024 + 1, false), (17 * 1024 * 1024, false)] {
        let body = Bytes::from(vec![b'x'; len]);
        let request = Request::post("/a").header("date", DATE).body(body.clone()).unwrap();
        let not_hashed = with_signature(request.clone(), &signature(BodyDigest::EMPTY));
        assert_eq!(explain(&not_hashed, &key), [Mistake::BodyNotHashed]);

        let newline = with_signature(request, &signature(BodyDigest::of([&body[..], b"\n"].concat())));
        assert_eq!(explain(&newline, &key) == [Mistake::BodyNewline], finds_newline, "{len}");
    }
}

#[test]
fn raw_body_of_8_kib_is_found_with_any_other_mistake() {
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    let body = "x".repeat(8 * 1024);
    let path = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users/7";
    let request = Request::post(format!("/{path}?limit=5"))
        .header("host", "rest.logentries.com")
        .header("content-type", "application/json; charset=utf-8")
        .header("date", DATE)
        .body(Bytes::from(body.clone()))
        .unwrap();
    // The forms of a date are tried last.
    let canonical = format!("POSTapplication/json; charset=utf-81503000984000{path}{body}");
    let found = explain(&with_signature(request, &wire::hmac(OWNER_KEY, &canonical)), &key);
    assert_eq!(sorted(&found), ["body-not-hashed-raw", "date-form"]);
}
