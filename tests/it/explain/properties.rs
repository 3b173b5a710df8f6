//! Whatever the request: a good signature is no mistake, one of another key is not explained, and nothing panics.

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use tower_logentries_auth::explain::{explain, explain_with_key_text};

use super::{owner_key, sign, with_signature};
use crate::support::{KEY_ID, OWNER_KEY, verifying::DATE};

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

proptest! {
    #![proptest_config(crate::support::cases(64))]

    #[test]
    fn valid_signature_is_no_mistake(request in any_request()) {
        let signature = sign(&request, OWNER_KEY);
        let request = with_signature(request, &signature);
        prop_assert_eq!(explain(&request, &owner_key()), []);
        prop_assert_eq!(explain_with_key_text(&request, KEY_ID, OWNER_KEY, &["another-key"]), []);
    }

    /// Right or wrong, what another key signed is never explained.
    #[test]
    fn signature_of_another_key_is_not_explained(request in any_request()) {
        let key = owner_key();
        let signature = sign(&request, "another-key");
        let request = with_signature(request, &signature);
        prop_assert_eq!(explain(&request, &key), []);
        prop_assert_eq!(explain_with_key_text(&request, KEY_ID, OWNER_KEY, &["a-third-key"]), []);
    }

    /// Neither is anything that is no signature, and nothing makes it panic.
    #[test]
    fn anything_is_explained_without_panic(request in any_request(), credential in "[ -~]{0,80}") {
        let mut request = request;
        request.headers_mut().insert("authorization-api-key", credential.parse().unwrap());
        prop_assert_eq!(explain(&request, &owner_key()), []);
        prop_assert_eq!(explain_with_key_text(&request, &credential, &credential, &[&credential, ""]), []);
    }
}
