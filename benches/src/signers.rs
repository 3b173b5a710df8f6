//! Ways to sign one request: a body of known bytes, one key, headers that prove it. All hash the body with SHA-256, sign for
//! the time that it is, and leave their headers in the request.
//!
//! - `tower-logentries-auth` has the least to sign: HMAC-SHA1 over five parts, in base64, no query, no header but two.
//!   It keeps the keyed HMAC state, and the text of the date for its second, and does not hash an empty body. It alone
//!   chooses the key by the resource, checks the origin, limits the body, calls a service, and watches the response for
//!   a clock that is off.
//! - "by hand, reqwest" is the same scheme as one writes it into a program that has reqwest: a formatted canonical string,
//!   a key and a date made for each request, no checks.
//! - `aws-sigv4` writes a canonical request (path normalized, query sorted, headers sorted and signed with the host),
//!   hashes it, and signs the hash, in hex. That takes five HMAC-SHA256: four derive the key of the day, which is not
//!   kept. The body is handed over as bytes. Its view of the request, for which the URI is printed and parsed, and its
//!   parameters, which hold the time, are made for each request: that is timed.
//! - `reqsign-aws-v4` signs by the same scheme, the digest's header too, which the caller sets: hashing the body for
//!   it, with the crate's own function, is timed. Its `Signer` also locks, checks and clones the credential, and signs
//!   a copy of the head behind a boxed future.
//! - `httpsig-hyper` is RFC 9421: method, path and three headers as structured fields, a second header that lists them,
//!   and HMAC-SHA256 keyed afresh. It collects the body, sets Content-Digest and boxes the body again. The list is
//!   parsed once. The Date is the caller's to set, and formatted for each request: that is timed.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderName, HeaderValue, Request, Response,
    header::{CONTENT_TYPE, DATE},
};
use http_body_util::{Full, combinators::BoxBody};
use httpsig_hyper::{
    ContentDigestType, HyperDigestError, MessageSignatureReq, RequestContentDigest,
    prelude::{HttpSignatureParams, SharedKey, message_component::HttpMessageComponentId},
};
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer, hash::hex_sha256};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::LogentriesAuthLayer;

use crate::{
    ID as OWNER_ID, KEY as OWNER_KEY, credentials, drive,
    peer::{OURS, Peer, answer, body, typed},
};

const ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "us-east-1";
const SERVICE: &str = "execute-api";

/// Every signer, for the same request, its body in the type that the signer takes.
pub(crate) fn all(len: usize) -> Vec<Peer> {
    let bytes = body(len);
    let full = {
        let bytes = bytes.clone();
        move || typed(Full::new(bytes.clone()), len)
    };
    let bytes = move || typed(bytes.clone(), len);
    let reqwest = {
        let bytes = bytes.clone();
        move || reqwest::Request::try_from(bytes()).expect("a URL")
    };
    vec![
        Peer::new(OURS, full.clone(), by_ours()),
        Peer::new("by hand, reqwest", reqwest, by_hand),
        Peer::new("aws-sigv4", bytes.clone(), by_aws_sigv4()),
        Peer::new("reqsign-aws-v4", bytes, by_reqsign()),
        Peer::new("httpsig-hyper", full, by_httpsig()),
    ]
}

fn by_hand(mut request: reqwest::Request) -> reqwest::Request {
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    let hashed_body = STANDARD.encode(Sha256::digest(body));
    let date = httpdate::fmt_http_date(SystemTime::now());
    let content_type = request.headers()[CONTENT_TYPE].to_str().expect("ASCII");
    let path = request.url().path().trim_matches('/');
    let canonical = format!("{}{content_type}{date}{path}{hashed_body}", request.method());
    let mut mac = Hmac::<Sha1>::new_from_slice(OWNER_KEY.as_bytes()).expect("HMAC takes any key");
    mac.update(canonical.as_bytes());
    let credential = format!("{OWNER_ID}:{}", STANDARD.encode(mac.finalize().into_bytes()));
    request.headers_mut().insert("date", date.parse().expect("ASCII"));
    request.headers_mut().insert("authorization-api-key", credential.parse().expect("ASCII"));
    request
}

fn by_ours() -> impl FnMut(Request<Full<Bytes>>) -> Response<Request<Full<Bytes>>> {
    let mut service = LogentriesAuthLayer::new(credentials()).layer(service_fn(answer));
    move |request| drive(service.call(request)).expect("a signature")
}

fn by_aws_sigv4() -> impl FnMut(Request<Bytes>) -> Request<Bytes> {
    let identity = Credentials::new(ID, SECRET, None, None, "peers").into();
    let settings = SigningSettings::default();
    move |mut request| {
        let params = v4::SigningParams::builder().identity(&identity).region(REGION).name(SERVICE);
        let params = params.time(SystemTime::now()).settings(settings.clone()).build().expect("nothing left out");
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("ASCII")));
        let (method, uri, body) = (request.method().as_str(), request.uri().to_string(), request.body());
        let signable = SignableRequest::new(method, uri, headers, SignableBody::Bytes(body)).expect("a URI");
        let (instructions, _) = sign(signable, &params.into()).expect("a signature").into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

fn by_reqsign() -> impl FnMut(Request<Bytes>) -> Request<Bytes> {
    const DIGEST: HeaderName = HeaderName::from_static("x-amz-content-sha256");
    let provider = StaticCredentialProvider::new(ID, SECRET);
    let signer = Signer::new(Context::new(), provider, RequestSigner::new(SERVICE, REGION));
    move |request| {
        let (mut head, body) = request.into_parts();
        head.headers.insert(DIGEST, HeaderValue::try_from(hex_sha256(&body)).expect("ASCII"));
        drive(signer.sign(&mut head, None)).expect("a signature");
        Request::from_parts(head, body)
    }
}

pub(crate) fn by_httpsig() -> impl FnMut(Request<Full<Bytes>>) -> Request<BoxBody<Bytes, HyperDigestError>> {
    let key = SharedKey::HmacSha256(SECRET.into());
    let covered = ["@method", "@path", "content-type", "date", "content-digest"];
    let covered = covered.map(|name| HttpMessageComponentId::try_from(name).expect("a component"));
    let mut params = HttpSignatureParams::try_new(&covered).expect("none twice");
    params.set_key_info(&key);
    move |mut request| {
        let now = SystemTime::now();
        params.set_created(now.duration_since(UNIX_EPOCH).expect("after 1970").as_secs());
        let date = HeaderValue::try_from(httpdate::fmt_http_date(now)).expect("ASCII");
        request.headers_mut().insert(DATE, date);
        drive(async {
            let mut request = request.set_content_digest(&ContentDigestType::Sha256).await.expect("a digest");
            request.set_message_signature(&params, &key, None).await.expect("a signature");
            request
        })
    }
}
