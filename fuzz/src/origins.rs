//! Origins that are trusted and targets that are sent to, against the `url` crate.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arbitrary::Arbitrary;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::LogentriesAuthLayer;
use url::{Host, Url};

use super::{block_on, credentials, parse};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    trusted: &'a str,
    target: &'a str,
    strips: bool,
}

pub fn run(data: &[u8]) {
    let Some(Input { trusted, target, strips }) = parse(data) else { return };
    let layer = LogentriesAuthLayer::new(credentials());
    let (layer, trusted) = match layer.clone().trust_origin(trusted) {
        Ok(layer) => {
            check_trusted(trusted);
            (layer, Some(trusted))
        }
        Err(_) => (layer, None),
    };
    let Ok(uri) = target.parse::<Uri>() else { return };
    let layer = match strips {
        true => layer.untrusted_origins(tower_logentries_auth::client::UntrustedOrigins::StripCredentials),
        false => layer,
    };

    let sent = Arc::new(AtomicBool::new(false));
    let inner = service_fn(|request: Request<Full<Bytes>>| {
        let names = ["x-api-key", "authorization-api-key"];
        sent.store(names.iter().any(|name| request.headers().contains_key(*name)), Ordering::Relaxed);
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let head = || Request::builder().uri(uri.clone()).header("x-api-key", "left by the caller");
    let Ok(request) = head().body(Full::default()) else { return };
    let _ = block_on(layer.layer(inner).oneshot(request));

    // Without tower the same requests get keys.
    let authenticated = layer.authenticate(head().body(()).expect("well-formed"));
    let has_key = |request: &Request<()>| request.headers().contains_key("x-api-key");
    assert_eq!(authenticated.is_ok_and(|request| has_key(&request)), sent.load(Ordering::Relaxed), "{uri}");

    if sent.load(Ordering::Relaxed) {
        assert!(trusted.is_some_and(|trusted| is_same(trusted, &uri)) || is_rapid7(&uri), "{uri} got keys");
    }
}

/// Returns whether both name one origin. What is no URL to the `url` crate, such as an impossible IPv4 address, is
/// compared as text.
fn is_same(trusted: &str, uri: &Uri) -> bool {
    match (Url::parse(trusted), Url::parse(&uri.to_string())) {
        (Ok(trusted), Ok(url)) => trusted.origin() == url.origin() && has_no_userinfo(&url),
        _ => {
            let trusted: Uri = trusted.parse().expect("it was trusted");
            let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let port = |uri: &Uri| uri.port_u16().unwrap_or(default);
            trusted.scheme() == uri.scheme()
                && port(&trusted) == port(uri)
                && trusted.host().map(str::to_ascii_lowercase) == uri.host().map(str::to_ascii_lowercase)
        }
    }
}

/// What is trusted is an origin and nothing else.
fn check_trusted(text: &str) {
    let Ok(url) = Url::parse(text) else { return };
    assert!(["http", "https"].contains(&url.scheme()), "{text:?} is trusted");
    assert!(has_no_userinfo(&url), "{text:?} is trusted");
    assert!(url.path() == "/" && url.query().is_none() && url.fragment().is_none(), "{text:?} is trusted");
    assert!(url.scheme() == "https" || !has_rapid7_host(&url), "{text:?} is trusted");
}

fn has_no_userinfo(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// What is no URL, such as a host whose punycode decodes to nothing, is judged as text.
fn is_rapid7(uri: &Uri) -> bool {
    if let Ok(url) = Url::parse(&uri.to_string()) {
        let is_https = url.scheme() == "https" && url.port_or_known_default() == Some(443);
        return is_https && has_rapid7_host(&url) && has_no_userinfo(&url);
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str()).to_ascii_lowercase();
    uri.scheme_str() == Some("https") && is_rapid7_host(authority.strip_suffix(":443").unwrap_or(&authority))
}

fn has_rapid7_host(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(host)) if is_rapid7_host(host))
}

fn is_rapid7_host(host: &str) -> bool {
    let is_label = |region: &str| !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_region_of = |suffix| host.strip_suffix(suffix).is_some_and(is_label);
    host == "rest.logentries.com"
        || is_region_of(".rest.logs.insight.rapid7.com")
        || is_region_of(".api.insight.rapid7.com")
}
