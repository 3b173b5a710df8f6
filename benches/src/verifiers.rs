//! Ways to verify one request that was signed a moment ago, and to call a service with it.
//!
//! - `tower-logentries-auth` looks the key up in a store, which takes a future, checks the form of the headers, and leaves
//!   the identity in the request.
//! - `webhook-verify` is its tower layer, for Slack's scheme: HMAC-SHA256 over the time and the body, in hex, keyed afresh, one
//!   key. The method, the path and the headers are not signed. It collects the body and boxes its future.
//! - `httpsig-hyper` is RFC 9421, as in `signers.rs`: it verifies the Content-Digest of the body, which it collects and
//!   boxes, and then the signature. There is no layer: its two functions are called by hand.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use httpsig_hyper::{MessageSignatureReq, RequestContentDigest, prelude::SharedKey};
use sha2::Sha256;
use tower::{Layer, Service, service_fn};
use tower_logentries_auth::{LogentriesAuthLayer, LogentriesVerifyLayer};
use webhook_verify::{Provider, Secret, tower::VerifyLayer};

use crate::{
    credentials, drive,
    peer::{OURS, Peer, answer, body, typed},
    signers::{SECRET, by_httpsig},
};

/// Every verifier, for a request that was signed for it.
pub(crate) fn all(len: usize) -> Vec<Peer> {
    let bytes = body(len);
    let full = move || typed(Full::new(bytes.clone()), len);
    vec![by_ours(full()), by_webhook_verify(full(), len), by_httpsig_hyper(full(), len)]
}

fn by_ours(request: Request<Full<Bytes>>) -> Peer {
    let mut signer = LogentriesAuthLayer::new(credentials()).layer(service_fn(answer));
    let signed = drive(signer.call(request)).expect("a signature").into_body();
    let mut service = LogentriesVerifyLayer::new(credentials()).layer(service_fn(answer));
    let verify = move |request| drive(service.call(request)).expect("a response");
    assert!(verify.clone()(signed.clone()).status().is_success(), "what is timed is the way through");
    Peer::new(OURS, move || signed.clone(), verify)
}

fn by_webhook_verify(mut request: Request<Full<Bytes>>, len: usize) -> Peer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes any key");
    mac.update(format!("v0:{now}:").as_bytes());
    mac.update(&body(len));
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    request.headers_mut().insert("x-slack-request-timestamp", now.into());
    request.headers_mut().insert("x-slack-signature", format!("v0={hex}").parse().expect("ASCII"));
    let mut service =
        VerifyLayer::<Bytes>::new(Provider::Slack, Secret::new(SECRET)).layer(service_fn(answer::<Bytes>));
    let mut verify = move |request| -> Response<Request<Bytes>> { drive(service.call(request)).expect("a response") };
    assert!(verify(request.clone()).status().is_success(), "what is timed is the way through");
    Peer::new("webhook-verify", move || request.clone(), verify)
}

fn by_httpsig_hyper(request: Request<Full<Bytes>>, len: usize) -> Peer {
    let (head, _) = by_httpsig()(request).into_parts();
    let bytes = body(len);
    let request = move || Request::from_parts(head.clone(), Full::new(bytes.clone()));
    let key = SharedKey::HmacSha256(SECRET.into());
    Peer::new("httpsig-hyper", request, move |request: Request<Full<Bytes>>| {
        drive(async {
            let request = request.verify_content_digest().await.expect("the body's digest");
            request.verify_message_signature(&key, None).await.expect("the key's signature");
            answer(request.map(|body| body.boxed())).await.expect("a response")
        })
    })
}
