//! Four ways to sign one request: a body of known bytes, one key, headers that prove it.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "some of it is for the library's own benchmarks")]
pub(crate) mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
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
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::LogentriesAuthLayer;

use support::{MIB, USERS, credentials, drive, nothing, request};

/// The cases, with the length of the body.
pub(crate) const CASES: [(&str, usize); 3] = [("empty GET", 0), ("200-byte POST", 200), ("1 MiB POST", MIB)];
pub(crate) const OURS: &str = "tower-logentries-auth";
pub(crate) const SIGNERS: [&str; 4] = [OURS, "aws-sigv4", "reqsign-aws-v4", "httpsig-hyper"];

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "us-east-1";
const SERVICE: &str = "execute-api";

/// What is done with each signer: it is timed, or its allocations are counted. Requests are made one by one, because a
/// clone's header map has no room.
pub(crate) trait Measure {
    fn measure<B, O>(&mut self, signer: &str, request: impl Fn() -> Request<B>, sign: impl FnMut(Request<B>) -> O);
}

/// Has every signer measured on the same request, its body in the type that the signer takes.
pub(crate) fn measure_each(len: usize, measure: &mut impl Measure) {
    let body = Bytes::from(vec![b'x'; len]);
    let full = || typed(Full::new(body.clone()), len);
    let bytes = || typed(body.clone(), len);
    let [ours, aws_sigv4, reqsign, httpsig] = SIGNERS;
    measure.measure(ours, full, by_ours());
    measure.measure(aws_sigv4, bytes, by_aws_sigv4());
    measure.measure(reqsign, bytes, by_reqsign());
    measure.measure(httpsig, full, by_httpsig());
}

fn typed<B>(body: B, len: usize) -> Request<B> {
    let mut request = request(if len == 0 { "GET" } else { "POST" }, USERS, body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

fn by_ours() -> impl FnMut(Request<Full<Bytes>>) -> Response<Request<Full<Bytes>>> {
    let mut service = LogentriesAuthLayer::new(credentials()).layer(service_fn(nothing));
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

fn by_httpsig() -> impl FnMut(Request<Full<Bytes>>) -> Request<BoxBody<Bytes, HyperDigestError>> {
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
