//! What is not searched for, and what is found within the budget.

use bytes::Bytes;
use http::{Method, Request};
use tower_logentries_auth::{
    BodyDigest, CanonicalRequest,
    explain::{Mistake, explain, explain_with_key_text},
};

use super::{owner_key, with_signature};
use crate::support::{KEY_ID, OWNER_KEY, verifying::DATE, wire};

#[test]
fn missing_and_duplicate_headers_are_not_explained() {
    let key = owner_key();
    let request = Request::get("/a").header("date", DATE).body(Bytes::new()).unwrap();
    assert_eq!(explain(&request, &key), []);

    let once = with_signature(request.clone(), &wire::signature(OWNER_KEY, "get", "", DATE, "/a", b""));
    assert_eq!(explain(&once, &key), [Mistake::MethodCase]);
    for name in ["authorization-api-key", "date", "content-type"] {
        let mut twice = once.clone();
        twice.headers_mut().append(name, "another".parse().unwrap());
        twice.headers_mut().append(name, "another".parse().unwrap());
        assert_eq!(explain(&twice, &key), [], "{name}");
    }
}

#[test]
fn body_of_any_length_is_explained_by_its_digest() {
    let key = owner_key();
    let signature = |digest| key.sign(&CanonicalRequest::new(&Method::POST, "/a", None, DATE, digest)).to_string();
    for (len, finds_newline) in [(64 * 1024, true), (64 * 1024 + 1, false), (17 * 1024 * 1024, false)] {
        let body = Bytes::from(vec![b'x'; len]);
        let request = Request::post("/a").header("date", DATE).body(body.clone()).unwrap();
        let not_hashed = with_signature(request.clone(), &signature(BodyDigest::EMPTY));
        assert_eq!(explain(&not_hashed, &key), [Mistake::BodyNotHashed]);

        let newline = with_signature(request, &signature(BodyDigest::of([&body[..], b"\n"].concat())));
        assert_eq!(explain(&newline, &key) == [Mistake::BodyNewline], finds_newline, "{len}");
    }
}

#[test]
fn raw_body_of_4_kib_is_found_with_any_other_mistake() {
    let key = owner_key();
    let body = "x".repeat(4 * 1024);
    let path = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users/7";
    let request = Request::post(format!("/{path}?limit=5"))
        .header("host", "rest.logentries.com")
        .header("content-type", "application/json; charset=utf-8")
        .header("date", DATE)
        .body(Bytes::from(body.clone()))
        .unwrap();
    let canonical = format!("POSTapplication/json; charset=utf-81503000984000{path}{body}");
    let found = explain(&with_signature(request, &wire::hmac(OWNER_KEY, &canonical)), &key);
    assert_eq!(found, [Mistake::DateForm, Mistake::BodyNotHashedRaw]);
}

#[test]
fn path_up_to_4_kib_is_re_encoded() {
    for (len, is_found) in [(4 * 1024, true), (4 * 1024 + 1, false)] {
        let path = format!("{}%C3", "x".repeat(len - 3));
        let request = Request::get(format!("/{path}")).header("date", DATE).body(Bytes::new()).unwrap();
        let signed =
            |target: &str| with_signature(request.clone(), &wire::signature(OWNER_KEY, "GET", "", DATE, target, b""));
        let lower_case = explain(&signed(&path.replace("%C3", "%c3")), &owner_key());
        assert_eq!(lower_case == [Mistake::PathSpelling], is_found, "{len}");
        assert_eq!(explain(&signed(&format!("/api/{path}")), &owner_key()), [Mistake::PathPrefix], "{len}");
    }
}

/// Both headers can be as long as all headers together, and each would be copied into many ways to write a part.
#[test]
fn long_hosts_and_content_types_are_not_multiplied() {
    for (len, is_found) in [(1024, true), (1025, false)] {
        let host = "h".repeat(len);
        let request = Request::get("/a").header("date", DATE).header("host", &host).body(Bytes::new()).unwrap();
        let signature = wire::hmac(OWNER_KEY, &format!("GET{DATE}https://{host}/a{}", BodyDigest::EMPTY));
        let found = explain(&with_signature(request, &signature), &owner_key());
        assert_eq!(found == [Mistake::PathFullUrl], is_found, "{len}");
    }
    for (len, is_found) in [(4 * 1024, true), (4 * 1024 + 1, false)] {
        let content_type = "x".repeat(len);
        let request = Request::get("/a").header("date", DATE).header("content-type", &content_type);
        let with_charset = format!("{content_type}; charset=utf-8");
        let signature = wire::signature(OWNER_KEY, "GET", &with_charset, DATE, "/a", b"");
        let found = explain(&with_signature(request.body(Bytes::new()).unwrap(), &signature), &owner_key());
        assert_eq!(found == [Mistake::CharsetNotSent], is_found, "{len}");
    }
}

/// Strangers can send a request that no budget suffices for. A good signature is still none to explain.
#[test]
fn request_longer_than_the_budget_is_not_explained() {
    let request = Request::get("/a").header("date", DATE).header("content-type", "x".repeat(512 * 1024));
    let request = request.body(Bytes::new()).unwrap();
    let content_type = request.headers()["content-type"].to_str().unwrap();
    for method in ["GET", "get"] {
        let signature = wire::signature(OWNER_KEY, method, content_type, DATE, "/a", b"");
        let request = with_signature(request.clone(), &signature);
        assert_eq!(explain(&request, &owner_key()), []);
        assert_eq!(explain_with_key_text(&request, KEY_ID, OWNER_KEY, &[]), []);
    }
}
