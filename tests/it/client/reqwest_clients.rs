//! The layer around reqwest and reqwest-middleware clients.

use axum::Router;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Version, header::CONTENT_TYPE};
use proptest::prelude::*;
use reqwest::{Body, Client, Request, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tower::{Layer, Service, ServiceExt};
use tower_logentries_auth::{
    Access, AuthError, BodyDigest, Credentials, LogentriesAuthLayer, LogentriesAuthMiddleware, LogentriesVerifyLayer,
    client::{ClockSkewCorrected, UntrustedOrigins},
};

use crate::support::{
    LOGS, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, TEAMS, USERS, at, cases,
    clients::{all_ways, auth_error, builder},
    credentials, layer_for,
    server::{record, refused_port, serve},
};

fn http() -> Client {
    builder().build().unwrap()
}

fn request(method: Method, url: impl AsRef<str>) -> Request {
    Request::new(method, url.as_ref().parse().unwrap())
}

fn with_body(url: impl AsRef<str>, body: impl Into<Body>) -> Request {
    let mut request = request(Method::POST, url);
    *request.body_mut() = Some(body.into());
    request
}

/// A body in chunks, of unknown length.
fn streaming<const N: usize>(chunks: [&'static str; N]) -> Body {
    Body::wrap_stream(stream::iter(chunks.map(Ok::<_, std::io::Error>)))
}

#[tokio::test]
async fn resource_chooses_the_key() {
    let (origin, recording) = record().await;
    for (way, mut client) in all_ways(&layer_for(&origin), http()) {
        for (path, key) in [(LOGS, READ_ONLY_KEY), (TEAMS, READ_WRITE_KEY)] {
            client.call(request(Method::GET, format!("{origin}{path}"))).await.unwrap();
            let received = recording.only();
            assert_eq!(received.header("x-api-key"), Some(key), "{way}");
            assert_eq!(received.header("authorization-api-key"), None, "{way}");
        }
        client.call(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
        assert_eq!(recording.only().signature_error(), None, "{way}");
    }
}

#[tokio::test]
async fn every_kind_of_body_is_signed() {
    let (origin, recording) = record().await;
    let url = format!("{origin}{USERS}");
    for (way, mut client) in all_ways(&layer_for(&origin), http()) {
        let cases: Vec<(Request, &str)> = vec![
            (request(Method::POST, &url), ""),
            (with_body(&url, ""), ""),
            (with_body(&url, "in memory"), "in memory"),
            (with_body(&url, streaming(["in ", "", "chunks"])), "in chunks"),
            (with_body(&url, streaming([])), ""),
            (with_body(&url, Body::wrap("of a known length".to_owned())), "of a known length"),
            (with_body(&url, Body::wrap(String::new())), ""),
        ];
        for (request, body) in cases {
            client.call(request).await.unwrap();
            let received = recording.only();
            assert_eq!(received.signature_error(), None, "{way}: {body:?}");
            assert_eq!(received.body, body, "{way}");
        }
    }
}

#[tokio::test]
async fn normalized_url_is_signed() {
    let (origin, recording) = record().await;
    let layer = layer_for(&origin).access(|_, _| Some(Access::Owner));
    for (way, mut client) in all_ways(&layer, http()) {
        for (path, arrives) in [
            ("", "/"),
            ("//", "/"),
            ("/a%20b%2Fc/%e9", "/a%20b%2Fc/%e9"),
            ("/a b/é/日", "/a%20b/%C3%A9/%E6%97%A5"),
            ("/a/../b/./c/%2e%2e/d", "/b/d"),
            ("/a//b", "/a//b"),
            ("/users/", "/users"),
            ("/users//?q=/a/&r=%2F/#fragment", "/users?q=/a/&r=%2F/"),
            ("/?", "/?"),
        ] {
            client.call(request(Method::GET, format!("{origin}{path}"))).await.unwrap();
            let received = recording.only();
            assert_eq!(received.signature_error(), None, "{way}: {path}");
            assert_eq!(received.target, arrives, "{way}");
        }
    }
}

#[test]
fn any_url_arrives_as_signed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (origin, recording) = runtime.block_on(record());
    let layer = layer_for(&origin).access(|_, _| Some(Access::Owner));
    let client = layer.layer(http());
    proptest!(cases(128), |(path in "(/[!-~é ]{0,6}){1,4}")| {
        let url: Url = format!("{origin}{path}").parse()?;
        match runtime.block_on(client.clone().oneshot(Request::new(Method::GET, url))) {
            Ok(_) => prop_assert_eq!(recording.only().signature_error(), None),
            // There are characters in some URLs that reqwest can't send.
            Err(_) => prop_assert!(recording.take().is_empty()),
        }
    });
}

#[tokio::test]
async fn userinfo_fails_without_being_repeated() {
    let (origin, recording) = record().await;
    for userinfo in ["user:p4ssword", "p4ssword", ":p4ssword"] {
        let url = origin.replace("http://", &format!("http://{userinfo}@"));
        for (way, mut client) in all_ways(&layer_for(&origin), http()) {
            let error = client.call(request(Method::GET, format!("{url}{LOGS}"))).await.unwrap_err();
            assert!(matches!(auth_error(&error), AuthError::InvalidAuthority), "{way}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("p4ssword"), "{way}: {error:?}");
        }
    }
    assert!(recording.take().is_empty());
}

#[tokio::test]
async fn untrusted_url_fails_or_strips_credentials() {
    let (foreign, recording) = record().await;
    let layer = layer_for("http://127.0.0.1:1");
    for path in [LOGS, USERS] {
        for (way, mut client) in all_ways(&layer, http()) {
            let error = client.call(request(Method::GET, format!("{foreign}{path}"))).await.unwrap_err();
            assert!(matches!(auth_error(&error), AuthError::UntrustedOrigin { .. }), "{way}: {error:?}");
            assert!(recording.take().is_empty(), "{way}");
        }
        for (way, mut client) in all_ways(&layer.clone().untrusted_origins(UntrustedOrigins::StripCredentials), http())
        {
            let mut request = request(Method::GET, format!("{foreign}{path}"));
            request.headers_mut().insert("x-api-key", HeaderValue::from_static("left by hand"));
            client.call(request).await.unwrap();
            let received = recording.only();
            assert_eq!((received.header("x-api-key"), received.header("authorization-api-key")), (None, None), "{way}");
        }
    }
}

#[tokio::test]
async fn connect_error_keeps_its_type() {
    let (origin, _held) = refused_port();
    let mut client = layer_for(&origin).layer(http());
    let error = client.call(request(Method::GET, format!("{origin}{LOGS}"))).await.unwrap_err();
    assert!(error.service_error::<reqwest::Error>().is_some_and(reqwest::Error::is_connect), "{error:?}");
}

#[tokio::test]
async fn clock_skew_is_corrected() {
    let verify = LogentriesVerifyLayer::new(credentials()).clock(at(SIGNED_AT + 3600));
    let origin = serve(Router::new().fallback(|| async {}).layer(verify)).await;
    for way in 0..3 {
        // A layer for each, since clones of one would share what they learn.
        let layer = layer_for(&origin).clock(at(SIGNED_AT));
        let (way, mut client) = all_ways(&layer, http()).into_iter().nth(way).unwrap();
        for expected in [(401, Some(3600)), (200, None)] {
            let response = client.call(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
            let corrected = response.extensions().get().map(ClockSkewCorrected::offset_secs);
            assert_eq!((response.status().as_u16(), corrected), expected, "{way}");
        }
    }
}

#[tokio::test]
async fn signs_over_http2() {
    let (origin, recording) = record().await;
    let http = builder().http2_prior_knowledge().build().unwrap();
    for (way, mut client) in all_ways(&layer_for(&origin), http) {
        client.call(with_body(format!("{origin}{USERS}"), streaming(["a ", "user"]))).await.unwrap();
        let received = recording.only();
        assert_eq!((received.signature_error(), received.version), (None, Version::HTTP_2), "{way}");
    }
}

mod default_headers {
    //! reqwest adds the default headers of a client below every layer and middleware, where a request has none.

    use super::*;

    fn http_with(name: &'static str, value: &'static str) -> Client {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        builder().default_headers(headers).build().unwrap()
    }

    #[tokio::test]
    async fn layer_content_type_precedes_client_default() {
        let (origin, recording) = record().await;
        for (way, mut client) in all_ways(&layer_for(&origin), http_with("content-type", "text/plain")) {
            client.call(with_body(format!("{origin}{USERS}"), "{}")).await.unwrap();
            let received = recording.only();
            assert_eq!(received.signature_error(), None, "{way}");
            assert_eq!(received.header("content-type"), Some("application/json"), "{way}");
        }
    }

    #[tokio::test]
    async fn default_content_type_is_signed() {
        let (origin, recording) = record().await;
        let layer = layer_for(&origin).default_content_type(Some(HeaderValue::from_static("text/plain")));
        for (way, mut client) in all_ways(&layer, http_with("content-type", "text/plain")) {
            client.call(with_body(format!("{origin}{USERS}"), "text")).await.unwrap();
            let received = recording.only();
            assert_eq!(
                (received.signature_error(), received.header("content-type")),
                (None, Some("text/plain")),
                "{way}"
            );
        }
    }

    #[tokio::test]
    async fn client_default_content_type_breaks_signature() {
        let (origin, recording) = record().await;
        let layer = layer_for(&origin).default_content_type(None);
        for (way, mut client) in all_ways(&layer, http_with("content-type", "text/plain")) {
            client.call(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
            let mut received = recording.only();
            assert!(received.signature_error().is_some(), "{way}");
            // Nothing but the unsigned header is what breaks it.
            received.headers.remove(CONTENT_TYPE);
            assert_eq!(received.signature_error(), None, "{way}");
        }
    }

    #[tokio::test]
    async fn client_default_api_key_is_sent_with_signature() {
        let (origin, recording) = record().await;
        for (way, mut client) in all_ways(&layer_for(&origin), http_with("x-api-key", "the-clients-own")) {
            client.call(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
            let received = recording.only();
            assert_eq!(received.signature_error().as_deref(), Some("an x-api-key beside the signature"), "{way}");
            client.call(request(Method::GET, format!("{origin}{LOGS}"))).await.unwrap();
            assert_eq!(recording.only().header("x-api-key"), Some(READ_ONLY_KEY), "{way}");
        }
    }

    #[tokio::test]
    async fn client_default_date_and_signature_are_overridden() {
        let (origin, recording) = record().await;
        for name in ["date", "authorization-api-key"] {
            for (way, mut client) in all_ways(&layer_for(&origin), http_with(name, "stale")) {
                client.call(request(Method::GET, format!("{origin}{USERS}"))).await.unwrap();
                assert_eq!(recording.only().signature_error(), None, "{way}: {name}");
            }
        }
    }
}

mod middleware {
    //! What the middleware has beyond the layer: wishes of a request.

    use super::*;

    fn client(layer: LogentriesAuthLayer) -> ClientWithMiddleware {
        ClientBuilder::new(http()).with(LogentriesAuthMiddleware::from(layer)).build()
    }

    #[tokio::test]
    async fn access_extension_is_used() {
        let (origin, recording) = record().await;
        let client = client(layer_for(&origin));
        client.get(format!("{origin}{LOGS}")).with_extension(Access::Owner).send().await.unwrap();
        assert_eq!(recording.only().signature_error(), None);
        client.get(format!("{origin}{LOGS}")).with_extension(Access::ReadWrite).send().await.unwrap();
        assert_eq!(recording.only().header("x-api-key"), Some(READ_WRITE_KEY));
    }

    #[tokio::test]
    async fn digest_extension_streams_past_the_limit() {
        let (origin, recording) = record().await;
        let client = client(layer_for(&origin).body_limit(0));
        let request = client.post(format!("{origin}{USERS}")).with_extension(BodyDigest::of("in chunks"));
        request.body(streaming(["in ", "chunks"])).send().await.unwrap();
        let received = recording.only();
        assert_eq!(received.signature_error(), None);
        assert_eq!(received.header("transfer-encoding"), Some("chunked"));
    }

    #[tokio::test]
    async fn middleware_keeps_layer_settings() {
        let (origin, recording) = record().await;
        let layer = layer_for(&origin).body_limit(3).default_content_type(None);
        let handle = layer.credentials_handle();
        let client = client(layer);

        client.post(format!("{origin}{USERS}")).body("abc").send().await.unwrap();
        let received = recording.only();
        assert_eq!((received.signature_error(), received.header("content-type")), (None, None));

        let error = client.post(format!("{origin}{USERS}")).body("abcd").send().await.unwrap_err();
        let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.downcast_ref(), Some(AuthError::BodyTooLarge { limit: 3, .. })), "{error:?}");

        handle.replace(Credentials::read_only("another-key").unwrap());
        client.get(format!("{origin}{LOGS}")).send().await.unwrap();
        assert_eq!(recording.only().header("x-api-key"), Some("another-key"));
    }
}
