//! What the Python that made `mistakes.json` did wrong: each mistake alone in all its forms, and in one form with each
//! other mistake that can be made beside it.

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use serde::Deserialize;
use tower_logentries_auth::{
    OwnerKey,
    explain::{Mistake, explain, explain_with_key_text},
};

use crate::support::OWNER_KEY;

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
    forwarded_prefix: Option<String>,
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
        for (name, value) in [("content-type", &draft.content_type), ("x-forwarded-prefix", &draft.forwarded_prefix)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
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
        "path-with-query" "path-trailing-slash" "path-decoded" "path-encoded" "path-spelling" "path-prefix" "path-full-url"
        "content-type-omitted" "content-type-assumed" "content-type-parameters" "content-type-replaced" "charset-not-sent"
        "charset-spelling" "method-replaced" "method-case" "date-form" "separators"
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
    path_decoded: "path-decoded" but ["empty-hmac" "path-encoded" "path-spelling"];
    path_encoded: "path-encoded" but ["empty-hmac" "path-decoded" "path-spelling"];
    path_spelling: "path-spelling" but ["empty-hmac" "path-decoded" "path-encoded"];
    path_prefix: "path-prefix" but ["empty-hmac"];
    path_full_url: "path-full-url" but ["empty-hmac" "path-leading-slash"];
    content_type_omitted: "content-type-omitted" but [
        "empty-hmac" "content-type-assumed" "content-type-parameters" "content-type-replaced" "charset-not-sent"
        "charset-spelling"
    ];
    content_type_assumed: "content-type-assumed" but [
        "empty-hmac" "content-type-omitted" "content-type-parameters" "content-type-replaced" "charset-spelling"
    ];
    content_type_parameters: "content-type-parameters" but [
        "empty-hmac" "content-type-omitted" "content-type-assumed" "content-type-replaced" "charset-not-sent"
        "charset-spelling"
    ];
    content_type_replaced: "content-type-replaced" but [
        "empty-hmac" "content-type-omitted" "content-type-assumed" "content-type-parameters" "charset-spelling"
    ];
    charset_not_sent: "charset-not-sent" but [
        "empty-hmac" "content-type-omitted" "content-type-parameters" "charset-spelling"
    ];
    charset_spelling: "charset-spelling" but [
        "empty-hmac" "content-type-omitted" "content-type-assumed" "content-type-parameters" "content-type-replaced"
        "charset-not-sent"
    ];
    method_replaced: "method-replaced" but ["empty-hmac" "method-case"];
    method_case: "method-case" but ["empty-hmac" "method-replaced"];
    date_form: "date-form" but ["empty-hmac"];
    separators: "separators" but ["empty-hmac"];
    hmac_sha256: "hmac-sha256" but [];
    key_bytes: "key-bytes" but ["key-id-as-key" "api-key-as-key"];
    key_id_as_key: "key-id-as-key" but ["key-bytes" "api-key-as-key"];
    api_key_as_key: "api-key-as-key" but ["key-bytes" "key-id-as-key"];
    key_line_end: "key-line-end" but [];
}

/// The mistakes that only the text of a key shows.
const OF_KEYS: [&str; 5] = ["hmac-sha256", "key-bytes", "key-id-as-key", "api-key-as-key", "key-line-end"];

#[test]
fn without_the_text_of_keys_all_else_is_found() {
    let draft = &MISTAKES.requests[0];
    for (ways, signatures) in draft.signatures.iter().filter(|(ways, _)| sorted_words(ways).len() == 1) {
        let request = MISTAKES.request(draft, &signatures[0]);
        match OF_KEYS.iter().any(|code| ways.contains(code)) {
            true => assert_eq!(MISTAKES.explain(&request), [], "{ways}"),
            false => assert_eq!(MISTAKES.explain(&request), MISTAKES.explain_with_key_text(&request), "{ways}"),
        }
    }
}

#[test]
fn every_code_says_what_to_do() {
    let verbs = ["sign", "send", "hash", "encode", "feed", "end", "concatenate", "make", "use", "remove"];
    for code in all_codes() {
        let (draft, signatures) =
            MISTAKES.requests.iter().find_map(|draft| Some((draft, draft.signatures.get(code)?))).unwrap();
        let found = MISTAKES.explain_with_key_text(&MISTAKES.request(draft, &signatures[0]));
        let advice = found[0].to_string();
        assert!(verbs.iter().any(|verb| advice.split([' ', ',']).next() == Some(verb)), "{code}: {advice}");
    }
}

proptest! {
    #![proptest_config(crate::support::cases(64))]

    #[test]
    fn mistakes_with_another_key_are_not_explained(draft in 0..MISTAKES.requests.len(), index: prop::sample::Index) {
        let draft = &MISTAKES.requests[draft];
        let signatures: Vec<_> = draft.signatures.iter().filter(|(codes, _)| !codes.contains("key-id-as-key")).collect();
        let (_, signatures) = signatures[index.index(signatures.len())];
        let request = MISTAKES.request(draft, &signatures[index.index(signatures.len())]);
        let others = explain_with_key_text(&request, &MISTAKES.keys.owner_key_id, OWNER_KEY, &["a-third-key"]);
        prop_assert_eq!(others, []);
    }
}
