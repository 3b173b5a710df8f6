//! What the benchmarks share: keys, requests, and what signs and verifies them.

pub mod leanest;
#[cfg(feature = "peers")]
pub mod peer;
#[cfg(feature = "peers")]
mod signers;
#[cfg(feature = "peers")]
mod verifiers;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, Request, Response};
use tower_logentries_auth::Credentials;

pub const MIB: usize = 1024 * 1024;
pub const KEY: &str = "7f7c461f-2e71-4d50-8cdf-06c11ee67789";
pub const ID: &str = "f2a5b1de-0b6c-4e0e-9d0c-6a1c2b3d4e5f";
const HOST: &str = "https://rest.logentries.com/";
/// A resource of the owner's.
pub const USERS: &str = "management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users";
/// A resource for an API key.
pub const LOGS: &str = "management/logs";

pub fn credentials() -> Credentials {
    let credentials = Credentials::owner(ID, KEY).and_then(|credentials| credentials.with_read_only(KEY));
    credentials.expect("good keys")
}

/// A request whose header map has room, as a client's has that sets headers of its own.
pub fn request<B>(method: &str, path: &str, body: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri(format!("{HOST}{path}")).body(body).expect("a request");
    *request.headers_mut() = HeaderMap::with_capacity(8);
    request
}

/// The inner service: it answers with the request, so that dropping it is not timed. Boxed, because the futures of hyper-util's
/// and reqwest's clients are: a layer around them moves a pointer, and no request.
pub fn nothing<B>(request: Request<B>) -> Ready<Result<Response<Box<Request<B>>>, Infallible>> {
    ready(Ok(Response::new(Box::new(request))))
}

pub fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
