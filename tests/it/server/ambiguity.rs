//! Requests that could be read in two ways.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request};
use tower_logentries_auth::server::{Malformed, Reason};

use crate::support::{
    LOGS, READ_ONLY_KEY, READ_WRITE_KEY, USERS,
    verifying::{DATE, METHODS, TestRequest, present, verifier, with_api_key},
};

async fn assert_malformed(request: Request<Body>, expected: Malformed) {
    let shown = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    let rejection = present(&verifier(), request).await.unwrap_err();
    let Reason::Malformed(malformed) = rejection.reason() else { panic!("{shown}: {rejection:?}") };
    assert_eq!(*malformed, expected, "{shown}");
}

/// A signed request whose headers somebody touched.
fn with_headers<T>(change: impl FnOnce(&mut HeaderMap) -> T) -> Request<Body> {
    let mut request = TestRequest::CREATE.request();
    change(request.headers_mut());
    request
}

#[tokio::test]
async fn ten_methods_can_be_signed() {
    for method in METHODS {
        let passed = present(&verifier(), TestRequest { method, ..TestRequest::CREATE }.request()).await.unwrap();
        assert_eq!(passed.method().as_str(), method);
    }
}

#[tokio::test]
async fn no_supported_method_is_a_prefix_of_another() {
    for method in METHODS {
        let longer = METHODS.into_iter().filter(|other| other.starts_with(method)).count();
        assert_eq!(longer, 1, "{method}");
    }
}

#[tokio::test]
async fn other_methods_are_malformed() {
    let registered = ["ACL", "BIND", "COPY", "LINK", "LOCK", "MKCOL", "MOVE", "PRI", "PROPFIND", "PROPPATCH", "SEARCH"];
    let near = ["get", "Get", "GETT", "GE", "POSTapplication", "P", "PUTT", "QUER", "CONNECTED"];
    for method in registered.into_iter().chain(near) {
        assert_malformed(TestRequest { method, ..TestRequest::CREATE }.request(), Malformed::Method).await;
    }
}

#[tokio::test]
async fn api_key_allows_any_method() {
    let request = with_api_key("PROPFIND", "/management/accounts/acme/teams", READ_WRITE_KEY);
    assert_eq!(present(&verifier(), request).await.unwrap().method(), Method::from_bytes(b"PROPFIND").unwrap());
}

#[tokio::test]
async fn only_imf_fixdate_is_accepted() {
    for date in [
        "",
        "Thursday, 17-Aug-17 20:16:24 GMT", // RFC 850
        "Thu Aug 17 20:16:24 2017",         // asctime
        "Fri, 17 Aug 2017 20:16:24 GMT",    // it was a Thursday
        "thu, 17 aug 2017 20:16:24 gmt",
        "THU, 17 AUG 2017 20:16:24 GMT",
        "Thu, 17 Aug 2017 20:16:24 +0000",
        "Thu, 17 Aug 2017 20:16:24 UTC",
        "Thu, 17 Aug 2017 20:16:24",
        "Thu, 17 Aug 2017 20:16 GMT",
        "Thu, 17 Aug 2017 20:16:24.0 GMT",
        "Thu, 17 Aug 17 20:16:24 GMT",
        "Thu,  17 Aug 2017 20:16:24 GMT",
        "Thu,17 Aug 2017 20:16:24 GMT",
        "17 Aug 2017 20:16:24 GMT",
        " Thu, 17 Aug 2017 20:16:24 GMT",
        "Thu, 17 Aug 2017 20:16:24 GMT ",
        "Thu, 17 Aug 2017 20:16:24 GMT, Thu, 17 Aug 2017 20:16:24 GMT",
        "Wed, 16 Aug 2017 20:16:84 GMT",
        "Thu, 17 Aug 2017 19:76:24 GMT",
        "Thu, 48 Jul 2017 20:16:24 GMT",
        "Thu, 17 Avg 2017 20:16:24 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "2017-08-17T20:16:24Z",
        "1503000984",
    ] {
        assert_malformed(TestRequest { date, ..TestRequest::CREATE }.request(), Malformed::Date).await;
    }
}

#[tokio::test]
async fn duplicate_date_is_malformed() {
    let date = HeaderValue::from_static(DATE);
    assert_malformed(with_headers(|headers| headers.remove("date")), Malformed::Date).await;
    assert_malformed(with_headers(|headers| headers.append("date", date)), Malformed::Date).await;
    let latin = HeaderValue::from_bytes(b"Thu, 17 Ao\xfbt 2017 20:16:24 GMT").unwrap();
    assert_malformed(with_headers(|headers| headers.insert("date", latin)), Malformed::Date).await;
}

#[tokio::test]
async fn duplicate_content_type_is_malformed() {
    assert!(
        present(&verifier(), TestRequest { content_type: "", ..TestRequest::CREATE }.request()).await.is_ok(),
        "none"
    );

    let malformed = Malformed::ContentType;
    let json = HeaderValue::from_static("application/json");
    let twice = with_headers(|headers| headers.append("content-type", json));
    assert_malformed(twice, malformed).await;
    // Signed like none at all: a client that signs no Content-Type must not get one through.
    let mut empty = TestRequest { content_type: "", ..TestRequest::CREATE }.request();
    empty.headers_mut().insert("content-type", HeaderValue::from_static(""));
    assert_malformed(empty, malformed).await;
    for bytes in [&b"text/pl\xe4in"[..], b"text/plain; name=\xc3\xa4"] {
        let value = HeaderValue::from_bytes(bytes).unwrap();
        assert_malformed(with_headers(|headers| headers.insert("content-type", value)), malformed).await;
    }
}

#[tokio::test]
async fn duplicate_credentials_are_malformed() {
    let malformed = Malformed::DuplicateCredentials;
    let key = HeaderValue::from_static(READ_ONLY_KEY);
    assert_malformed(with_headers(|headers| headers.insert("x-api-key", key.clone())), malformed).await;

    let credential = HeaderValue::try_from(TestRequest::CREATE.credential()).unwrap();
    let twice = with_headers(|headers| headers.append("authorization-api-key", credential));
    assert_malformed(twice, malformed).await;

    let mut twice = with_api_key("GET", LOGS, READ_ONLY_KEY);
    twice.headers_mut().append("x-api-key", key);
    assert_malformed(twice, malformed).await;
}

#[tokio::test]
async fn empty_api_key_is_unknown() {
    let rejection = present(&verifier(), with_api_key("GET", LOGS, "")).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::UnknownKey), "{rejection:?}");
}

#[tokio::test]
async fn signature_has_one_spelling() {
    // Of 20 bytes of ones, so that each alphabet shows and the last character has bits to spare.
    let id = TestRequest::CREATE.key_id;
    let good = "/////////////////////////////////////////"[..26].to_string() + "8=";
    let well_formed = TestRequest::CREATE.carrying(format!("{id}:{good}")).unwrap();
    let rejection = present(&verifier(), well_formed).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::InvalidSignature(_)), "of good form: {rejection:?}");

    for bad in [
        good.replace('=', ""),
        good.replace('/', "_"),
        good.replace('8', "9"), // a bit left over
        good.replace('8', "+"),
        good.replace("8=", "=="),
        good.replace('=', "%3D"),
        format!("{good}="),
        format!("{}A=", "A".repeat(24)), // 19 bytes, and a bit of padding too few
        format!("{}==", "A".repeat(26)), // 19
        "A".repeat(28),                  // 21
        format!("{}=", "A".repeat(23)),  // 17
        format!("{good}{good}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{} {}", &good[..14], &good[14..]),
        format!("{}\t{}", &good[..14], &good[14..]),
        "ff".repeat(20),
        String::new(),
    ] {
        assert_malformed(TestRequest::CREATE.carrying(format!("{id}:{bad}")).unwrap(), Malformed::Credentials).await;
    }
}

#[tokio::test]
async fn credential_is_id_colon_signature() {
    let good = TestRequest::CREATE.credential();
    let (id, signature) = good.split_once(':').unwrap();
    for bad in [
        format!("{id}{signature}"),
        format!("{id};{signature}"),
        format!(":{signature}"),
        format!("{id}::{signature}"),
        format!("{id}:x:{signature}"),
        format!("{id} :{signature}"),
        format!(" {id}:{signature}"),
        format!("{id}: {signature}"),
        format!("{id}\t:{signature}"),
        format!("Bearer {id}:{signature}"),
        format!("{good}, {good}"),
        format!("\u{e4}{id}:{signature}"),
        ":".to_owned(),
        String::new(),
    ] {
        assert_malformed(TestRequest::CREATE.carrying(bad).unwrap(), Malformed::Credentials).await;
    }
    let no_text = [&b"\xff"[..], good.as_bytes()].concat();
    assert_malformed(TestRequest::CREATE.carrying(no_text).unwrap(), Malformed::Credentials).await;
}

#[tokio::test]
async fn trailing_slash_is_malformed() {
    for target in ["/management/accounts/acme/users/", "/management/accounts/acme/users/?limit=5", "//", "/a//"] {
        assert_malformed(TestRequest { target, ..TestRequest::LIST }.request(), Malformed::Path).await;
    }
    for target in ["/", "/?limit=5", "/a//b", "/a/../b", "/a%2fb", "/users?path=/a/"] {
        let passed = present(&verifier(), TestRequest { target, ..TestRequest::LIST }.request()).await.unwrap();
        assert_eq!(passed.uri(), target, "as it was sent");
    }
}

#[tokio::test]
async fn missing_path_is_malformed() {
    // In authority form, as CONNECT sends it, and in asterisk form.
    for target in ["127.0.0.1:80", "management", "*"] {
        assert_malformed(TestRequest { target, ..TestRequest::LIST }.request(), Malformed::Path).await;
    }
}

#[tokio::test]
async fn query_is_not_signed() {
    let credential = TestRequest::LIST.credential();
    let target = format!("{USERS}?limit=5");
    let request = TestRequest { target: &target, ..TestRequest::LIST }.carrying(credential).unwrap();
    assert_eq!(present(&verifier(), request).await.unwrap().uri(), &*target);
}
