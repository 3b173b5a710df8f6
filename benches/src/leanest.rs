//! The leanest signer there can be: the scheme by hand, for one account, with no check, no choice of a key and no limit.
//!
//! What the layer costs beyond this is what its guarantees cost.

use std::{
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderName, HeaderValue, Request,
    header::{CONTENT_TYPE, DATE},
};
use http_body_util::Full;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower::Service;

use crate::{ID, KEY};

static AUTHORIZATION_API_KEY: HeaderName = HeaderName::from_static("authorization-api-key");
const EMPTY: [u8; 44] = *b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// Signs each request, and hands it to the inner service.
pub struct Leanest<S> {
    inner: S,
    key: Hmac<Sha1>,
    clock: fn() -> SystemTime,
    /// The second that was last formatted, and its date.
    date: (u64, HeaderValue),
}

impl<S> Leanest<S> {
    /// Keys the HMAC once.
    pub fn new(inner: S, clock: fn() -> SystemTime) -> Self {
        let key = Hmac::new_from_slice(KEY.as_bytes()).expect("HMAC takes any key");
        Self { inner, key, clock, date: (0, HeaderValue::from_static("")) }
    }

    fn date(&mut self) -> HeaderValue {
        let now = (self.clock)().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        if self.date.0 != now {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
            self.date = (now, HeaderValue::try_from(text).expect("ASCII"));
        }
        self.date.1.clone()
    }

    fn sign(&mut self, request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        let (mut head, body) = request.into_parts();
        let body = body.into_inner().unwrap_or_default();
        let mut digest = EMPTY;
        if !body.is_empty() {
            STANDARD.encode_slice(Sha256::digest(&body), &mut digest).expect("44 characters");
        }
        let date = self.date();
        let content_type = HeaderValue::from_static("application/json");
        let mut mac = self.key.clone();
        mac.update(head.method.as_str().as_bytes());
        mac.update(content_type.as_bytes());
        mac.update(date.as_bytes());
        mac.update(&head.uri.path().as_bytes()[1..]);
        mac.update(&digest);
        let mut signature = [0; 28];
        STANDARD.encode_slice(mac.finalize().into_bytes(), &mut signature).expect("28 characters");
        let mut credential = Vec::with_capacity(ID.len() + 1 + signature.len());
        credential.extend_from_slice(ID.as_bytes());
        credential.push(b':');
        credential.extend_from_slice(&signature);
        let mut credential = HeaderValue::from_maybe_shared(Bytes::from(credential)).expect("ASCII");
        credential.set_sensitive(true);
        head.headers.insert(&AUTHORIZATION_API_KEY, credential);
        head.headers.insert(CONTENT_TYPE, content_type);
        head.headers.insert(DATE, date);
        Request::from_parts(head, Full::new(body))
    }
}

impl<S: Service<Request<Full<Bytes>>>> Service<Request<Full<Bytes>>> for Leanest<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> S::Future {
        let request = self.sign(request);
        self.inner.call(request)
    }
}
