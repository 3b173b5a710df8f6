//! What is read from the outside: nothing makes it panic, and nothing is read that another parser reads differently.

use std::{convert::Infallible, future::ready, sync::Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    Access, AuthError, BodyDigest, CanonicalRequest, LogentriesAuthLayer, OwnerKey, Signature,
};

use crate::support::{KEY_ID, OWNER_KEY, SIGNED_AT, USERS, at, cases, clock::date, credentials, layer_for, wire};

const ORIGIN: &str = "http://a.example:80";

/// What arrives below a layer.
type Sent = (http::request::Parts, Bytes);

/// Sends a request through a layer, without a network, and returns what went below, if anything did.
fn send(
    layer: &LogentriesAuthLayer,
    request: Request<Body>,
    answer: impl Fn() -> Response<Body> + Clone,
) -> Result<Sent, AuthError> {
    let sent = Mutex::new(None);
    let below = service_fn(|request: Request<Body>| {
        let (parts, body) = request.into_parts();
        let body = body.collect().now_or_never().unwrap().unwrap().to_bytes();
        *sent.lock().unwrap() = Some((parts, body));
        ready(Ok::<_, Infallible>(answer()))
    });
    layer.layer(below).oneshot(request).now_or_never().expect("nothing to wait for")?;
    Ok(sent.lock().unwrap().take().expect("sent, since it is answered"))
}

fn ok() -> Response<Body> {
    Response::new(Body::empty())
}

/// A text that is nearly a good one: a good one with some characters put in, or taken out.
fn near(good: &'static str, with: &'static str) -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), prop::option::of(prop::sample::select(with.chars().collect::<Vec<_>>())));
    prop::collection::vec(edit, 0..4).prop_map(move |edits| {
        let mut text: Vec<char> = good.chars().collect();
        for (index, edit) in edits {
            let at = index.index(text.len());
            match edit {
                Some(put) => text.insert(at, put),
                None => drop(text.remove(at)),
            }
        }
        text.into_iter().collect()
    })
}

/// A URI of good parts and doubtful ones.
fn uri() -> impl Strategy<Value = String> {
    "(http|https|HTTP|ftp):/{1,3}(|a@|a:b@|@|a\\.example:80@|a\\.example@)(a\\.example|A\\.EXAMPLE|a\\.example\\.|b\\.example|\\[::1\\])\
     (|:80|:080|:|:\\+80|:81)(|/|/a|/\\?a|\\?a|#a|/@a\\.example|\\\\@a\\.example)"
}

/// A header's value of any bytes that a header may have.
fn header_value() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![4 => b' '..=b'~', 1 => 0x80..=0xff_u8, 1 => Just(b'\t')];
    prop::collection::vec(byte, 0..40).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn signature_parses_in_one_spelling(text in near("6Rkb2bUtnF4VG1ku65pGOCuAUpA=", "=+/AZ09-_ \n")) {
        if let Ok(signature) = text.parse::<Signature>() {
            prop_assert_eq!(signature.to_string(), text);
        }
    }

    #[test]
    fn any_values_sign_as_the_wire_rules_say(
        method in "[A-Z]{1,8}", target in "/?\\PC{0,30}", content_type in "\\PC{0,20}", date in "\\PC{0,30}",
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let signed = Method::from_bytes(method.as_bytes()).unwrap();
        let canonical = CanonicalRequest::new(&signed, &target, Some(&content_type), &date, BodyDigest::of(&body));
        let signature = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap().sign(&canonical);
        prop_assert_eq!(signature.to_string(), wire::signature(OWNER_KEY, &method, &content_type, &date, &target, &body));
    }

    /// Whatever is in a request: it arrives with a good signature, or it does not arrive.
    #[test]
    fn any_request_fails_or_is_signed_correctly(
        method in prop_oneof!["GET|POST|PUT|OPTIONS|CONNECT", "[A-Za-z!#$%&'*+.^_`|~0-9-]{1,10}"],
        target in prop_oneof!["/[!-~]{0,20}", "/[a-z/%.?#]{0,20}", Just("*".to_owned())],
        headers in prop::collection::vec(
            (prop::sample::select(vec!["content-type", "date", "host", "x-api-key", "authorization-api-key", "content-length"]),
             header_value()), 0..4),
        body in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let layer = LogentriesAuthLayer::new(credentials()).assume_origin(ORIGIN).unwrap().trust_origin(ORIGIN).unwrap();
        let mut request = Request::builder().method(&*method).uri(&*target).extension(Access::Owner);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // Not every text is a target; what is none can't be sent with any client.
        let Ok(request) = request.body(Body::from(body.clone())) else { return Ok(()) };
        if let Ok((parts, arrived)) = send(&layer, request, ok) {
            let target = parts.uri.to_string();
            prop_assert_eq!(&arrived, &body);
            prop_assert_eq!(wire::signature_error(KEY_ID, OWNER_KEY, &method, &target, &parts.headers, &arrived), None);
        }
    }

    /// The clock moves for a date in the one form that is sent, and for no other that some parser would take.
    #[test]
    fn date_parses_in_one_spelling(text in prop_oneof![
        near("Thu, 17 Aug 2017 20:36:24 GMT", "0123456789:,ATGM +-"),
        "(Mon|Thu|Thursday), (17|7|31)[ -](Aug|aug)[ -](2017|17) 20:(36|16):(24|60) (GMT|UTC|)",
        "(Mon|Thu) Aug (17| 7) 20:36:24 2017",
    ]) {
        let layer = layer_for(ORIGIN).clock(at(SIGNED_AT));
        let request = Request::get(format!("{ORIGIN}{USERS}")).body(Body::empty()).unwrap();
        let refusal = || Response::builder().status(401).header("date", &text).body(Body::empty()).unwrap();
        send(&layer, request, refusal).unwrap();
        let offset = layer.clock_offset_secs(ORIGIN).unwrap();
        if offset != 0 {
            prop_assert_eq!(date(SIGNED_AT.checked_add_signed(offset).unwrap()), text);
        }
    }

    /// An origin is what `http::Uri` says that it is, and stays so when it is written with other case and its port.
    #[test]
    fn origin_agrees_with_uri(text in prop_oneof![near("https://Rest.example:8443", "@:/.[]?#%+ \\aA0"), uri()]) {
        let Ok(layer) = LogentriesAuthLayer::new(credentials()).trust_origin(&text) else { return Ok(()) };
        let uri: Uri = text.parse().unwrap();
        prop_assert!(!uri.authority().unwrap().as_str().contains('@'));
        prop_assert!(matches!(uri.path(), "" | "/") && uri.query().is_none());
        let scheme = uri.scheme_str().unwrap();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        let spelt_out = format!("{}://{}:{port}{USERS}", scheme.to_uppercase(), uri.host().unwrap().to_uppercase());
        prop_assert!(send(&layer, Request::get(&spelt_out).body(Body::empty()).unwrap(), ok).is_ok(), "{spelt_out}");
        let other_port = format!("{scheme}://{}:{}{USERS}", uri.host().unwrap(), port ^ 1);
        prop_assert!(send(&layer, Request::get(&other_port).body(Body::empty()).unwrap(), ok).is_err(), "{other_port}");
    }

    /// What is trusted by one parser is not another host to the other: the two that Rust's clients use are asked.
    #[test]
    fn trust_agrees_with_other_url_parsers(
        text in prop_oneof![near("http://a.example:80/management/accounts/acme/users", "@:/.[]?#%+ \\;&aA0"), uri()],
    ) {
        let Ok(request) = Request::get(&text).extension(Access::Owner).body(Body::empty()) else { return Ok(()) };
        if send(&layer_for(ORIGIN), request, ok).is_ok()
            && let Ok(url) = reqwest::Url::parse(&text)
        {
            prop_assert_eq!(url.origin(), reqwest::Url::parse(ORIGIN).unwrap().origin());
            prop_assert!(url.username().is_empty() && url.password().is_none());
        }
    }
}
