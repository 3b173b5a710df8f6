//! What goes over the wire beside the body.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Uri, request};
use http_body_util::Full;
use proptest::{option, prelude::*};
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Access, AuthError};

use crate::support::{
    LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, USERS, at, hyper_client,
    inner::{RAPID7, key_of, pass, signature_error, to_rapid7},
    layer, layer_for, server,
};

/// A request to be signed, for this target of Rapid7's.
fn signed(target: &str) -> request::Builder {
    Request::get(format!("{RAPID7}{target}")).extension(Access::Owner)
}

fn empty(head: request::Builder) -> Request<Full<Bytes>> {
    head.body(Full::default()).unwrap()
}

/// What an earlier attempt, or another client, may have left on a request.
fn with_stale_headers(head: request::Builder) -> Request<Body> {
    let stale = ["x-api-key", "authorization-api-key", "date"];
    let head = stale.iter().fold(head, |head, name| head.header(*name, "stale").header(*name, "staler"));
    head.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn stale_credentials_and_dates_are_replaced() {
    let (origin, recording) = server::record().await;
    let client = layer_for(&origin).clock(at(SIGNED_AT)).layer(hyper_client());

    let request = with_stale_headers(Request::get(format!("{origin}{USERS}")));
    client.clone().oneshot(request).await.unwrap();
    let received = recording.only();
    // `signature_error` includes duplicate headers, and an x-api-key next to the signature.
    assert_eq!(received.signature_error(), None);
    assert_eq!(received.header("date"), Some("Thu, 17 Aug 2017 20:16:24 GMT"));

    let request = with_stale_headers(Request::get(format!("{origin}{LOGS}")));
    client.oneshot(request).await.unwrap();
    let received = recording.only();
    assert_eq!(received.headers.get_all("x-api-key").iter().collect::<Vec<_>>(), [READ_ONLY_KEY]);
    assert!(!received.headers.contains_key("authorization-api-key"));
}

#[tokio::test]
async fn credentials_are_marked_sensitive() {
    for (target, name) in [(LOGS, "x-api-key"), (USERS, "authorization-api-key")] {
        let request = pass(&layer(), to_rapid7(Method::GET, target)).await.unwrap();
        assert!(request.headers()[name].is_sensitive(), "{name}");
    }
}

#[tokio::test]
async fn missing_content_type_gets_the_default() {
    let xml = || Some(HeaderValue::from_static("application/xml"));
    let cases = [
        (layer(), Some("application/json")),
        (layer().default_content_type(xml()), Some("application/xml")),
        (layer().default_content_type(None), None),
    ];
    for (layer, expected) in cases {
        let request = pass(&layer, empty(signed(USERS))).await.unwrap();
        let content_type = request.headers().get("content-type").map(|value| value.to_str().unwrap());
        assert_eq!((content_type, signature_error(&request, b"")), (expected, None));
    }
}

#[tokio::test]
async fn existing_content_type_is_signed() {
    let quoted = "text/plain; charset=\"utf-8\";\tformat=flowed";
    for layer in [layer(), layer().default_content_type(None)] {
        let request = pass(&layer, empty(signed(USERS).header("content-type", quoted))).await.unwrap();
        assert_eq!(
            (&request.headers()["content-type"], signature_error(&request, b"")),
            (&HeaderValue::from_static(quoted), None)
        );
    }
}

#[tokio::test]
async fn api_key_request_gets_only_its_key() {
    let head = Request::options(format!("{RAPID7}{LOGS}//?limit=5")).header("date", "the caller's");
    let request = pass(&layer(), empty(head)).await.unwrap();
    let names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["date", "x-api-key"]);
    assert_eq!(*request.uri(), *format!("{RAPID7}{LOGS}//?limit=5"));
}

#[tokio::test]
async fn duplicate_content_type_fails_for_signatures() {
    let twice = |head: request::Builder| empty(head.header("content-type", "a/b").header("content-type", "a/b"));
    let error = pass(&layer(), twice(signed(USERS))).await.unwrap_err();
    assert!(matches!(error, AuthError::DuplicateContentType), "{error}");
    let request = pass(&layer(), twice(Request::get(format!("{RAPID7}{LOGS}")))).await.unwrap();
    assert_eq!(key_of(&request), Some(Access::ReadOnly));
}

#[tokio::test]
async fn invalid_content_type_fails() {
    let values: &[&[u8]] = &[b"", b" ", b"a/b ", b" a/b", b"a/b\t", b"a/b; c=\xfc", "a/b; c=ü".as_bytes()];
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        let given = pass(&layer(), empty(signed(USERS).header("content-type", &value))).await.unwrap_err();
        let default = layer().default_content_type(Some(value.clone()));
        let set = pass(&default, empty(signed(USERS))).await.unwrap_err();
        for error in [given, set] {
            assert!(matches!(error, AuthError::InvalidContentType), "{value:?}: {error}");
        }
    }
}

#[tokio::test]
async fn trailing_slash_is_removed_from_target() {
    let (origin, recording) = server::record().await;
    let client = layer_for(&origin).layer(hyper_client());
    let targets = [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("?a=/", "/?a=/"),
        ("/?a=/", "/?a=/"),
        ("///?a=/", "/?a=/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b"),
        ("/a/b///", "/a/b"),
        ("/a/b/?limit=5&path=/c/", "/a/b?limit=5&path=/c/"),
        ("/a/b/?", "/a/b?"),
        ("//a//b/../%2F%7ex/%2f/", "//a//b/../%2F%7ex/%2f"),
        ("/a;b,c:d@e!$&'()*+=~-._/", "/a;b,c:d@e!$&'()*+=~-._"),
        ("/{\"ü\"}/", "/{\"ü\"}"),
    ];
    for (target, sent) in targets {
        let request = Request::get(format!("{origin}{target}")).extension(Access::Owner).body(Body::empty()).unwrap();
        client.clone().oneshot(request).await.unwrap();
        let received = recording.only();
        assert_eq!((received.signature_error(), &*received.target), (None, sent), "{target}");
    }
}

proptest! {
    #[test]
    fn signature_matches_what_is_sent(
        path in "(/[!-~&&[^?#]]{0,5}){0,5}/{0,2}",
        query in "(\\?[!-~&&[^#]]{0,9})?",
        content_type in option::of("[!-~]([\t -~]{0,9}[!-~])?"),
        second in 0..=LAST_SECOND,
    ) {
        let target = format!("{RAPID7}{path}{query}").parse::<Uri>();
        prop_assume!(target.is_ok());
        let head = Request::post(target.unwrap()).extension(Access::Owner);
        let head = content_type.into_iter().fold(head, |head, value| head.header("content-type", value));
        let request = pass(&layer().clock(at(second)), empty(head)).now_or_never().unwrap().unwrap();
        prop_assert_eq!(signature_error(&request, b""), None);
    }
}

/// A request with as many headers as a map holds, minus `spare`.
fn nearly_full(target: &str, access: Access, spare: usize) -> Request<Full<Bytes>> {
    let mut request = empty(Request::post(format!("{RAPID7}{target}")).extension(access));
    let headers = request.headers_mut();
    let names = (0..).map(|n| http::HeaderName::try_from(format!("x-{n}")).unwrap());
    let full = names.map_while(|name| headers.try_insert(name, HeaderValue::from_static("x")).ok()).count();
    for n in 0..spare {
        headers.remove(format!("x-{}", full - 1 - n));
    }
    request
}

#[tokio::test]
async fn too_many_headers_fail() {
    // A signed POST without a body has four: its signature, Date, Content-Type and Content-Length.
    for (target, access, added) in [(LOGS, Access::ReadOnly, 1), (USERS, Access::Owner, 4)] {
        for spare in 0..=added {
            let result = pass(&layer(), nearly_full(target, access, spare)).await;
            match result {
                Ok(request) => assert_eq!((spare, request.headers().contains_key("x-0")), (added, true)),
                Err(error) => assert!(matches!(error, AuthError::TooManyHeaders) && spare < added, "{spare} {error}"),
            }
        }
    }
}

#[tokio::test]
async fn unsupported_method_fails() {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    for method in methods {
        let request = pass(&layer(), empty(signed(USERS).method(method))).await.unwrap();
        assert_eq!(signature_error(&request, b""), None, "{method}");
    }
    // CONNECT is sent with an authority in the place of the path.
    for method in ["CONNECT", "get", "GETX", "G", "PURGE", "PROPFIND", "POSTapplication"] {
        let error = pass(&layer(), empty(signed(USERS).method(method))).await.unwrap_err();
        assert!(matches!(&error, AuthError::UnsupportedMethod { method: named, .. } if named == method), "{error}");
        let request = pass(&layer(), empty(Request::get(format!("{RAPID7}{LOGS}")).method(method))).await.unwrap();
        assert_eq!(request.headers()["x-api-key"], READ_WRITE_KEY, "{method}");
    }
}

#[tokio::test]
async fn missing_path_fails_for_signatures() {
    let layer = layer().assume_origin(RAPID7).unwrap();
    let request = || Request::options("*");
    assert!(pass(&layer, empty(request())).await.unwrap().headers().contains_key("x-api-key"));
    let error = pass(&layer, empty(request().extension(Access::Owner))).await.unwrap_err();
    assert!(matches!(error, AuthError::MissingPath), "{error}");
}

const LAST_SECOND: u64 = 253_402_300_799;

#[tokio::test]
async fn first_and_last_dates_are_signed() {
    for (second, date) in [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT")] {
        let request = pass(&layer().clock(at(second)), empty(signed(USERS))).await.unwrap();
        assert_eq!((request.headers()["date"].to_str().unwrap(), signature_error(&request, b"")), (date, None));
    }
}

#[tokio::test]
async fn clock_out_of_range_fails_for_signatures() {
    let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 1);
    let far_after = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
    for time in [before, after, far_after] {
        let layer = layer().clock(move || time);
        for body in ["", "a body"] {
            let request = signed(USERS).body(Full::<Bytes>::from(body)).unwrap();
            let error = pass(&layer, request).await.unwrap_err();
            assert!(matches!(error, AuthError::ClockOutOfRange), "{time:?}: {error}");
        }
        assert_eq!(key_of(&pass(&layer, to_rapid7(Method::GET, LOGS)).await.unwrap()), Some(Access::ReadOnly));
    }
}

#[tokio::test]
async fn owner_key_is_never_sent() {
    let (origin, recording) = server::record().await;
    let client = layer_for(&origin).layer(hyper_client());
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Owner] {
        let request = Request::get(format!("{origin}{USERS}")).extension(access).body(Body::empty()).unwrap();
        client.clone().oneshot(request).await.unwrap();
        let received = recording.only();
        let sent = received.headers.values().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b' ');
        assert!(!String::from_utf8_lossy(&sent).contains(OWNER_KEY), "{received:?}");
    }
}
