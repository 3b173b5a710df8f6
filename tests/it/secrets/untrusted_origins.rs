//! Requests that go, or are sent, to where no credentials belong.

use std::{
    convert::Infallible,
    fmt::Write,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header::HOST};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_logentries_auth::{AuthError, LogentriesAuthLayer, client::UntrustedOrigins};

use super::{signatures, values::requests};
use crate::support::{
    KEY_ID, READ_WRITE_KEY, SIGNED_AT, at, credentials, hosts, hyper_client, inner::RAPID7, server, whole_error,
};

fn layer(untrusted: UntrustedOrigins) -> LogentriesAuthLayer {
    hosts::layer().clock(at(SIGNED_AT)).untrusted_origins(untrusted)
}

/// What went below the layer: each request in the raw, its sensitive headers too.
#[derive(Debug, Clone, Default)]
struct Below {
    requests: usize,
    text: String,
}

impl Below {
    fn add(&mut self, uri: &Uri, headers: &HeaderMap) {
        self.requests += 1;
        write!(self.text, "{uri} ").unwrap();
        for (name, value) in headers {
            write!(self.text, "{name}: {} ", String::from_utf8_lossy(value.as_bytes())).unwrap();
        }
    }
}

/// Sends requests of every access to `origin`, with credentials that their caller left in them, and sees what goes on.
async fn send_to(origin: &str, host: Option<&'static str>, untrusted: UntrustedOrigins) -> Below {
    let below = Arc::new(Mutex::new(Below::default()));
    let kept = Arc::clone(&below);
    let inner = service_fn(move |request: Request<Body>| {
        kept.lock().unwrap().add(request.uri(), request.headers());
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    });
    let mut client = ServiceBuilder::new().layer(layer(untrusted)).service(inner);
    for mut request in requests(origin) {
        leave_credentials(request.headers_mut());
        request.headers_mut().extend(host.map(|host| (HOST, HeaderValue::from_static(host))));
        if let Err(error) = client.ready().await.unwrap().call(request).await {
            below.lock().unwrap().text += &whole_error(&error);
        }
    }
    Arc::try_unwrap(below)
        .map(|below| below.into_inner().unwrap())
        .unwrap_or_else(|below| below.lock().unwrap().clone())
}

fn leave_credentials(headers: &mut HeaderMap) {
    headers.insert("x-api-key", READ_WRITE_KEY.parse().unwrap());
    headers.insert("authorization-api-key", format!("{KEY_ID}:{}", signatures()[0]).parse().unwrap());
}

/// What goes to the origins that get no credentials, if they are an error and if credentials are stripped.
pub(super) async fn untrusted() -> String {
    // The first letter is a Cyrillic one: a URI has to name it in ASCII, and then names another host.
    assert!("https://rest.l\u{43e}gentries.com".parse::<Uri>().is_err());
    let mut text = String::new();
    for origin in hosts::not_trusted().filter(|origin| format!("{origin}/").parse::<Uri>().is_ok()) {
        let refused = send_to(origin, None, UntrustedOrigins::Reject).await;
        assert_eq!(refused.requests, 0, "{origin}: {}", refused.text);
        let stripped = send_to(origin, None, UntrustedOrigins::StripCredentials).await;
        assert_eq!(stripped.requests, requests(origin).len(), "{origin}: {}", stripped.text);
        text += &refused.text;
        text += &stripped.text;
    }
    text
}

/// The counterpart of all that follows.
pub(super) async fn sent_to_rapid7() -> String {
    let sent = send_to("https://REST.logentries.com:443", Some("rest.logentries.com"), UntrustedOrigins::Reject).await;
    assert_eq!(sent.requests, requests(RAPID7).len(), "{}", sent.text);
    sent.text
}

fn get_url(origin: &str) -> reqwest::Request {
    reqwest::Request::new(http::Method::GET, format!("{origin}{}", crate::support::USERS).parse().unwrap())
}

/// The URLs of reqwest, which are read, and spelt, by another parser.
pub(super) async fn urls() -> String {
    let below = service_fn(async |_: reqwest::Request| Ok::<_, Infallible>(Response::new(())));
    let client = ServiceBuilder::new().layer(layer(UntrustedOrigins::Reject)).service(below);
    let mut text = String::new();
    for origin in [
        "https://rest.l\u{43e}gentries.com",
        "https://evil.example\\@rest.logentries.com",
        "https://rest.logentries.com@evil.example",
        "https://a:b@rest.logentries.com",
        "https://rest.logentries.com.",
        "https://EVIL.example#@rest.logentries.com",
        "http://REST.logentries.com:443",
        "http://[::ffff:127.0.0.1]:8080",
        "http://127.0.0.1:80",
        "ftp://rest.logentries.com:443",
    ] {
        let request = get_url(origin);
        let refused = client.clone().oneshot(request).await;
        text += &whole_error(&refused.expect_err(origin));
    }
    text
}

/// A Host header that names another authority than the target: nothing is sent, even if credentials may be stripped.
pub(super) async fn host_header() -> String {
    let mut text = String::new();
    for untrusted in [UntrustedOrigins::Reject, UntrustedOrigins::StripCredentials] {
        for host in
            ["evil.example", "rest.logentries.com@evil.example", "rest.logentries.com.", "rest.logentries.com:80", ""]
        {
            let sent = send_to("https://rest.logentries.com", Some(host), untrusted).await;
            assert_eq!(sent.requests, 0, "{host}: {}", sent.text);
            text += &sent.text;
        }
    }
    assert!(text.contains("HostMismatch"));
    text
}

/// Starts a server that sends everyone to another one, and that other one. Returns the first one's origin.
async fn redirecting() -> (String, server::Recording) {
    let (foreign, recording) = server::record().await;
    let (origin, _) = server::record_and(move |received| {
        let location = format!("{foreign}{}", received.target);
        Response::builder().status(303).header("location", location).body(Body::empty()).unwrap()
    })
    .await;
    (origin, recording)
}

/// A layer that follows redirects around ours: the foreign server is asked, without credentials.
pub(super) async fn redirect() -> String {
    let (origin, recording) = redirecting().await;
    let layer = LogentriesAuthLayer::new(credentials()).clock(at(SIGNED_AT)).trust_origin(&origin).unwrap();
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(layer.clone().untrusted_origins(UntrustedOrigins::StripCredentials))
        .service(hyper_client());
    let refusing = ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer).service(hyper_client());
    let mut below = Below::default();
    for request in requests(&origin) {
        client.clone().oneshot(request).await.unwrap();
        let received = recording.only();
        below.add(&received.target.parse().unwrap(), &received.headers);
    }
    for request in requests(&origin) {
        let error = refusing.clone().oneshot(request).await.unwrap_err();
        assert!(matches!(error, AuthError::UntrustedOrigin { .. }), "{error:?}");
        below.text += &whole_error(&error);
    }
    assert!(recording.take().is_empty());
    below.text
}

/// A reqwest client that follows no redirects, as it has to below the layer.
pub(super) async fn redirect_answered_to_reqwest() -> String {
    let (origin, recording) = redirecting().await;
    let client = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials()).clock(at(SIGNED_AT)).trust_origin(&origin).unwrap())
        .service(crate::support::clients::builder().build().unwrap());
    let request = get_url(&origin);
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 303);
    assert!(recording.take().is_empty());
    format!("{response:?} {:?}", response.headers())
}
