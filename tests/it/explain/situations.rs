//! Mistakes as people make them: by a library, a proxy or a file that changes what they wrote.

use bytes::Bytes;
use tower_logentries_auth::explain::{Mistake, explain, explain_with_key_text};

use super::{owner_key, with_signature};
use crate::support::{
    KEY_ID, OWNER_KEY,
    verifying::{DATE, TestRequest},
    wire,
};

/// Explains a request under a signature that was made for what `signed` says.
fn explained(sent: TestRequest<'_>, signed: TestRequest<'_>) -> Vec<Mistake> {
    let request = sent.carrying(signed.credential()).unwrap();
    explain(&request.map(|_| Bytes::copy_from_slice(sent.body)), &owner_key())
}

fn of_content_type(content_type: &str) -> TestRequest<'_> {
    TestRequest { content_type, ..TestRequest::CREATE }
}

fn to(target: &str) -> TestRequest<'_> {
    TestRequest { target, ..TestRequest::CREATE }
}

#[test]
fn library_sends_its_own_content_type() {
    let signed = of_content_type("application/json");
    for sent in ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/octet-stream"] {
        assert_eq!(explained(of_content_type(sent), signed), [Mistake::ContentTypeReplaced], "{sent}");
    }
    let with_charset = of_content_type("application/json; charset=utf-8");
    let both = [Mistake::ContentTypeReplaced, Mistake::CharsetNotSent];
    assert_eq!(explained(of_content_type("application/x-www-form-urlencoded"), with_charset), both);
}

#[test]
fn charset_is_signed_and_not_sent() {
    for signed in ["application/json; charset=utf-8", "application/json;charset=UTF-8"] {
        let mistakes = explained(of_content_type("application/json"), of_content_type(signed));
        assert_eq!(mistakes, [Mistake::CharsetNotSent], "{signed}");
    }
    let assumed = explained(of_content_type(""), of_content_type("application/json; charset=utf-8"));
    assert_eq!(assumed, [Mistake::ContentTypeAssumed, Mistake::CharsetNotSent]);
}

#[test]
fn charset_is_sent_in_another_spelling() {
    let spellings = [
        "text/csv; charset=utf-8; header=present",
        "text/csv;charset=utf-8; header=present",
        "text/csv; charset=UTF-8; header=present",
        "text/csv;charset=\"utf-8\"; header=present",
    ];
    for sent in spellings {
        for signed in spellings.into_iter().filter(|signed| *signed != sent) {
            let mistakes = explained(of_content_type(sent), of_content_type(signed));
            assert_eq!(mistakes, [Mistake::CharsetSpelling], "{sent} {signed}");
        }
    }
    let mistakes = explained(of_content_type("text/csv;Charset=Latin1"), of_content_type("text/csv; charset=latin1"));
    assert_eq!(mistakes, [Mistake::CharsetSpelling]);
}

#[test]
fn path_is_sent_in_another_legal_encoding() {
    for [one, other] in [
        ["/management/accounts/caf%c3%a9", "/management/accounts/caf%C3%A9"],
        ["/management/accounts/~7", "/management/accounts/%7E7"],
        ["/management/accounts/~caf%c3%a9", "/management/accounts/%7Ecaf%C3%A9"],
        ["/management/accounts/%7e%c3%a9", "/management/accounts/~%C3%A9"],
    ] {
        for (sent, signed) in [(one, other), (other, one)] {
            assert_eq!(explained(to(sent), to(signed)), [Mistake::PathSpelling], "{sent} {signed}");
        }
    }
    let [sent, signed] = ["/management/accounts/a%3Ab%40c", "/management/accounts/a:b@c"];
    assert_eq!(explained(to(sent), to(signed)), [Mistake::PathSpelling]);
    assert_eq!(explained(to(signed), to(sent)), [Mistake::PathEncoded]);
}

#[test]
fn another_method_is_sent() {
    for (sent, signed) in [("HEAD", "GET"), ("PATCH", "POST"), ("GET", "POST"), ("QUERY", "POST"), ("POST", "DELETE")] {
        let [sent, signed] = [sent, signed].map(|method| TestRequest { method, ..TestRequest::LIST });
        assert_eq!(explained(sent, signed), [Mistake::MethodReplaced], "{sent:?} {signed:?}");
    }
}

#[test]
fn proxy_takes_a_prefix_off() {
    let arrived = to("/management/accounts/7?limit=5");
    for prefix in ["/api", "/v1", "/v2"] {
        let signed = format!("{prefix}/management/accounts/7");
        assert_eq!(explained(arrived, to(&signed)), [Mistake::PathPrefix], "{prefix}");
    }
    assert_eq!(explained(arrived, to("/gateway/management/accounts/7")), []);
    let root = TestRequest { target: "/", ..TestRequest::LIST };
    assert_eq!(explained(root, TestRequest { target: "/api", ..root }), [Mistake::PathPrefix]);
}

#[test]
fn proxy_says_which_prefix_it_takes_off() {
    let (arrived, signed) = (TestRequest::LIST, format!("/gateway/eu{}", TestRequest::LIST.target));
    let credential = TestRequest { target: &signed, ..arrived }.credential();
    let request = arrived.carrying(credential).unwrap().map(|_| Bytes::new());
    for (value, is_found) in [
        ("/gateway/eu", true),
        ("/gateway/eu/", true),
        ("gateway/eu", true),
        ("/other, /gateway/eu", true),
        ("/gateway", false),
        ("", false),
        (&*"/a,".repeat(8), false),
        (&*format!("{}/gateway/eu", "/a,".repeat(8)), false), // only so many are tried
    ] {
        let mut request = request.clone();
        request.headers_mut().insert("x-forwarded-prefix", value.parse().unwrap());
        assert_eq!(explain(&request, &owner_key()) == [Mistake::PathPrefix], is_found, "{value}");
    }
}

#[test]
fn key_is_read_with_its_line_end() {
    let request = TestRequest::LIST.carrying("").unwrap().map(|_| Bytes::new());
    let made_with = |key: &str| {
        with_signature(
            request.clone(),
            &wire::signature(key, "GET", "application/json", DATE, TestRequest::LIST.target, b""),
        )
    };
    for key in [format!("{OWNER_KEY}\n"), format!("{OWNER_KEY}\r\n")] {
        let explained = |key_text: &str| explain_with_key_text(&made_with(&key), KEY_ID, key_text, &[]);
        assert_eq!(explained(OWNER_KEY), [Mistake::KeyLineEnd]);
        assert_eq!(explained(&key), [Mistake::KeyLineEnd], "the key text may be read from the same file");
        assert_eq!(explain_with_key_text(&made_with(OWNER_KEY), KEY_ID, &key, &[]), []);
        assert_eq!(explain(&made_with(&key), &owner_key()), [], "the key's text is not known");
    }
    let api_key = explain_with_key_text(&made_with("rw-key\n"), KEY_ID, OWNER_KEY, &["rw-key"]);
    assert_eq!(api_key, [Mistake::ApiKeyAsKey, Mistake::KeyLineEnd]);
}

#[test]
fn library_and_client_are_wrong_at_once() {
    let sent = TestRequest { method: "PUT", content_type: "text/plain;charset=UTF-8", ..to("/management/accounts/7") };
    let signed = TestRequest { method: "PUT", ..to("/v1/management/accounts/7") };
    assert_eq!(explained(sent, signed), [Mistake::ContentTypeReplaced, Mistake::PathPrefix]);
    let three = TestRequest { method: "POST", ..signed };
    assert_eq!(explained(sent, three), [], "three are too many");
}
