//! What the benchmarks share: keys, a request, and the hashing that can't be done without.

#[allow(dead_code)] // which not every benchmark uses
pub(crate) mod leanest;
#[allow(dead_code)] // which not every benchmark uses
pub(crate) mod turns;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, Response};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tower_logentries_auth::Credentials;

pub(crate) const MIB: usize = 1024 * 1024;
pub(crate) const KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";
pub(crate) const ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
const HOST: &str = "https://rest.logentries.com/";
/// A resource of the owner's.
pub(crate) const USERS: &str = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users";
/// A resource for an API key.
pub(crate) const LOGS: &str = "management/logs";

pub(crate) fn credentials() -> Credentials {
    let credentials = Credentials::owner(ID, KEY).and_then(|credentials| credentials.with_read_only(KEY));
    credentials.expect("good keys")
}

/// The hashing that every implementation has to do: SHA-256 of the body, and HMAC-SHA1, keyed afresh, of a canonical
/// string with the digest's base64 in it.
pub(crate) fn bare_hash<'a>(method: &str, chunks: impl Iterator<Item = &'a [u8]>) -> [u8; 20] {
    let mut sha256 = Sha256::new();
    chunks.for_each(|chunk| sha256.update(black_box(chunk)));
    let mut digest = [0; 44];
    STANDARD.encode_slice(sha256.finalize(), &mut digest).expect("44 characters");
    let mut mac = Hmac::<Sha1>::new_from_slice(black_box(KEY.as_bytes())).expect("HMAC takes any key");
    for part in [method, "application/json", "Thu, 17 Aug 2017 20:16:24 GMT", USERS] {
        mac.update(black_box(part.as_bytes()));
    }
    mac.update(&digest);
    mac.finalize().into_bytes().into()
}

/// A request whose header map has room, as a client's has that sets headers of its own.
pub(crate) fn request<B>(method: &str, path: &str, body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri(format!("{HOST}{path}")).body(body).expect("a request");
    *request.headers_mut() = HeaderMap::with_capacity(8);
    request
}

/// The inner service: it answers with the request, so that dropping it is not timed. Boxed, because the futures of hyper-util's
/// and reqwest's clients are: a layer around them moves a pointer, and no request.
pub(crate) fn nothing<B>(request: Request<B>) -> Ready<Result<Response<Box<Request<B>>>, Infallible>> {
    ready(Ok(Response::new(Box::new(request))))
}

pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
