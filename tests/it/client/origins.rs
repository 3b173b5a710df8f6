//! Where credentials go, and where they do not.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header::HOST};
use http_body_util::{BodyExt, Full};
use tower_logentries_auth::{
    Access, AuthError,
    client::{InvalidOrigin, UntrustedOrigins},
};

use crate::support::{
    LOGS, USERS, hosts,
    inner::{RAPID7, key_of, pass, to_rapid7},
    layer, whole_error,
};

fn to(origin: &str) -> Request<Full<Bytes>> {
    Request::get(format!("{origin}{LOGS}")).body(Full::from("a body")).unwrap()
}

#[tokio::test]
async fn rapid7_hosts_are_trusted_over_https() {
    for origin in hosts::trusted() {
        assert_eq!(key_of(&pass(&layer(), to(&origin)).await.unwrap()), Some(Access::ReadOnly), "{origin}");
    }
}

/// An origin as errors name it: its scheme in lower case, without a default port.
fn canonical(origin: &str) -> String {
    let (scheme, authority) = origin.split_once("://").unwrap();
    let scheme = scheme.to_lowercase();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(authority))
}

#[tokio::test]
async fn other_origins_get_no_credentials() {
    for origin in hosts::UNTRUSTED {
        let error = pass(&hosts::layer(), to(origin)).await.unwrap_err();
        let AuthError::UntrustedOrigin { origin: named, .. } = error else { panic!("{origin}: {error}") };
        assert_eq!(named, canonical(origin));
    }
}

#[tokio::test]
async fn plain_http_is_an_error_of_its_own() {
    for origin in hosts::INSECURE {
        let error = pass(&hosts::layer(), to(origin)).await.unwrap_err();
        let AuthError::InsecureOrigin { origin: named, .. } = error else { panic!("{origin}: {error}") };
        assert_eq!(named, canonical(origin));
        assert!(layer().trust_origin(origin).is_err(), "{origin}");
    }
}

#[tokio::test]
async fn ambiguous_authority_gets_no_credentials() {
    for origin in hosts::AMBIGUOUS {
        let error = pass(&hosts::layer(), to(origin)).await.unwrap_err();
        assert!(matches!(error, AuthError::InvalidAuthority), "{origin}: {error}");
        assert!(!whole_error(&error).contains("password"), "{error:?}");
    }
}

#[tokio::test]
async fn authority_without_scheme_gets_no_credentials() {
    let mut request = to_rapid7(Method::CONNECT, "");
    *request.uri_mut() = "rest.logentries.com:443".parse().unwrap();
    let error = pass(&layer(), request).await.unwrap_err();
    assert!(matches!(error, AuthError::InvalidAuthority), "{error}");
}

#[tokio::test]
async fn trusted_origin_is_scheme_host_and_port() {
    let trusting = [
        ("http://127.0.0.1:8080", vec!["http://127.0.0.1:8080"]),
        ("http://localhost", vec!["http://localhost", "http://localhost:80", "http://LOCALHOST:80"]),
        ("https://Proxy.Example:443/", vec!["https://proxy.example", "https://PROXY.example:443"]),
        ("http://[::1]:8080", vec!["http://[::1]:8080"]),
        ("https://rest.logentries.com.", vec!["https://rest.logentries.com.", RAPID7]),
    ];
    let all: Vec<_> = trusting
        .iter()
        .flat_map(|(_, same)| same.clone())
        .chain(["http://[::1]", "https://127.0.0.1:8080", "http://proxy.example:443"])
        .collect();
    for (origin, same) in &trusting {
        let layer = layer().trust_origin(origin).unwrap();
        for other in &all {
            let key = pass(&layer, to(other)).await.ok().and_then(|request| key_of(&request));
            let is_trusted = same.contains(other) || *other == RAPID7;
            assert_eq!(key, is_trusted.then_some(Access::ReadOnly), "{other} where {origin} is trusted");
        }
    }
}

#[tokio::test]
async fn trust_origin_accumulates() {
    let layer = layer().trust_origin("http://a.example").unwrap().trust_origin("http://b.example").unwrap();
    for origin in ["http://a.example", "http://b.example", RAPID7] {
        assert_eq!(key_of(&pass(&layer, to(origin)).await.unwrap()), Some(Access::ReadOnly), "{origin}");
    }
}

#[tokio::test]
async fn untrusted_origin_strips_credentials() {
    let layer = hosts::layer().untrusted_origins(UntrustedOrigins::StripCredentials);
    let body = Bytes::from_static(b"a body that stays where it is");
    for origin in hosts::not_trusted() {
        let request = Request::post(format!("{origin}{USERS}/?limit=5"))
            .header("x-api-key", "one")
            .header("x-api-key", "another")
            .header("authorization-api-key", "id:signature")
            .header("date", "a date")
            .header("authorization", "Bearer of another service")
            .header("content-length", body.len())
            .body(Full::<Bytes>::from(body.clone()))
            .unwrap();
        let uri = request.uri().clone();
        let passed = pass(&layer, request).await.unwrap();

        assert_eq!((key_of(&passed), passed.uri()), (None, &uri));
        let mut left: Vec<_> = passed.headers().keys().map(|name| name.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "content-length", "date"], "{origin}");
        let chunk = passed.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((chunk.as_ptr(), chunk.len()), (body.as_ptr(), body.len()), "{origin}");
    }
}

#[tokio::test]
async fn strip_credentials_keeps_other_checks() {
    let layer = layer().untrusted_origins(UntrustedOrigins::StripCredentials);
    assert_eq!(key_of(&pass(&layer, to(RAPID7)).await.unwrap()), Some(Access::ReadOnly));
    let mut elsewhere = to(RAPID7);
    elsewhere.headers_mut().insert(HOST, HeaderValue::from_static("evil.example"));
    let error = pass(&layer, elsewhere).await.unwrap_err();
    assert!(matches!(error, AuthError::HostMismatch { .. }), "{error}");
    let error = pass(&layer, to("")).await.unwrap_err();
    assert!(matches!(error, AuthError::MissingAuthority), "{error}");
}

/// The key that a request to Rapid7 is sent with if it has these Host headers.
async fn key_under_hosts(hosts: &[&[u8]]) -> Result<Option<Access>, AuthError> {
    let mut request = to(RAPID7);
    for host in hosts {
        request.headers_mut().append(HOST, HeaderValue::from_bytes(host).unwrap());
    }
    pass(&layer(), request).await.map(|request| key_of(&request))
}

#[tokio::test]
async fn matching_host_header_is_accepted() {
    for host in ["rest.logentries.com", "REST.logentries.COM", "rest.logentries.com:443"] {
        let key = key_under_hosts(&[host.as_bytes()]).await.unwrap();
        assert_eq!(key, Some(Access::ReadOnly), "{host}");
    }
}

#[tokio::test]
async fn host_header_mismatch_fails() {
    let right: &[u8] = b"rest.logentries.com";
    let others: &[&[u8]] = &[
        b"evil.example",
        b"rest.logentries.com.evil.example",
        b"rest.logentries.com.",
        b"rest.logentries.com:8443",
        b"user@rest.logentries.com",
        b"rest.logentries.com, evil.example",
        b"",
        b"\xff",
    ];
    for &host in others {
        for hosts in [&[host][..], &[right, host], &[host, right]] {
            let error = key_under_hosts(hosts).await.unwrap_err();
            assert!(matches!(&error, AuthError::HostMismatch { origin, .. } if origin == RAPID7), "{hosts:?}: {error}");
        }
    }
}

/// Texts that name no origin, or more than one.
const NO_ORIGINS: &[&str] = &[
    "http://:80",
    "http://127.0.0.1:+80",
    "",
    " ",
    "/",
    "*",
    "secret.example",
    "secret.example:443",
    "//secret.example",
    "/secret",
    "https://",
    "https:///secret",
    "https://secret.example/path",
    "https://secret.example//",
    "https://secret.example?query",
    "https://user:secret@example.com",
    "https://secret@example.com",
    "https://secret.example:",
    "https://secret.example:65536",
    "https://secret.example:secret",
    "https://secret example",
    "https://päss.example",
    "https://[::1",
    "ftp://secret.example",
    "https//secret.example",
    "https://secret.example#secret",
];

#[test]
fn invalid_origin_fails_without_being_repeated() {
    let setters: [fn(&str) -> Option<InvalidOrigin>; 3] = [
        |text| layer().trust_origin(text).err(),
        |text| layer().assume_origin(text).err(),
        |text| layer().clock_offset_secs(text).err(),
    ];
    for text in NO_ORIGINS {
        for set in setters {
            let error = set(text).unwrap_or_else(|| panic!("{text:?} was taken for an origin"));
            assert!(!whole_error(&error).contains("secret"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn ipv6_addresses_compare_by_value() {
    let spellings = ["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[0:0::1]", "[::0.0.0.1]"];
    let others = ["[::2]", "[::ffff:127.0.0.1]", "127.0.0.1", "localhost"];
    for trusted in spellings {
        let layer = layer().trust_origin(&format!("http://{trusted}:8080")).unwrap();
        for host in spellings {
            let mut request = to(&format!("http://{host}:8080"));
            assert_eq!(key_of(&pass(&layer, request.clone()).await.unwrap()), Some(Access::ReadOnly), "{host}");
            request.headers_mut().insert(HOST, format!("{trusted}:8080").parse().unwrap());
            assert!(pass(&layer, request).await.is_ok(), "{host} as {trusted}");
            assert!(pass(&layer, to(&format!("http://{host}:8081"))).await.is_err());
        }
        for host in others {
            assert!(pass(&layer, to(&format!("http://{host}:8080"))).await.is_err(), "{host}");
        }
    }
}

/// reqwest's URLs have each address in its shortest form, whatever was written.
#[tokio::test]
async fn ipv6_address_in_a_long_spelling_is_trusted_with_reqwest() {
    use tower::{Layer, ServiceExt, service_fn};

    let origin = "http://[0:0:0:0:0:0:0:1]:8080";
    let layer = layer().trust_origin(origin).unwrap();
    let keys = service_fn(async |request: reqwest::Request| {
        let key = request.headers()["x-api-key"].to_str().unwrap().to_owned();
        Ok::<_, std::convert::Infallible>(http::Response::new(key))
    });
    let request = reqwest::Request::new(Method::GET, format!("{origin}{LOGS}").parse().unwrap());
    assert_eq!(request.url().host_str(), Some("[::1]"));
    let response = layer.layer(keys).oneshot(request).await.unwrap();
    assert_eq!(response.body(), crate::support::READ_ONLY_KEY);
}
