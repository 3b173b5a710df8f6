//! What is measured of each peer: a batch of requests, one after the other.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};

use crate::{MIB, USERS, request, signers, verifiers};

/// The cases, with the length of the body.
pub const CASES: [(&str, usize); 3] = [("empty GET", 0), ("200-byte POST", 200), ("1 MiB POST", MIB)];
pub const OURS: &str = "tower-logentries-auth";

/// Both sides, with all their peers, for a body of this length.
pub fn sides(len: usize) -> [(&'static str, Vec<Peer>); 2] {
    [("client", signers::all(len)), ("server", verifiers::all(len))]
}

/// The inner service: it answers with the request, in no box, because not every peer is a service.
pub(crate) async fn answer<B>(request: Request<B>) -> Result<Response<Request<B>>, Infallible> {
    Ok(Response::new(request))
}

/// Runs the work, and returns what it measured of it.
pub type Meter<'a> = &'a dyn Fn(&mut dyn FnMut()) -> f64;

/// One way to sign or to verify a request.
pub struct Peer {
    pub name: &'static str,
    /// Measures so many requests, which are made before and dropped after.
    pub batch: Box<dyn FnMut(usize, Meter<'_>) -> f64>,
}

impl Peer {
    pub(crate) fn new<Req, O>(
        name: &'static str,
        request: impl Fn() -> Req + 'static,
        mut act: impl FnMut(Req) -> O + 'static,
    ) -> Self {
        let batch = move |len, meter: Meter<'_>| {
            let mut requests: Vec<_> = (0..len).map(|_| request()).collect();
            let mut done = Vec::with_capacity(len);
            meter(&mut || done.extend(requests.drain(..).map(&mut act)))
        };
        Self { name, batch: Box::new(batch) }
    }
}

/// A request with a Content-Type. It is made anew each time, because a clone's header map has no room.
pub(crate) fn typed<B>(body: B, len: usize) -> Request<B> {
    let mut request = request(if len == 0 { "GET" } else { "POST" }, USERS, body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

pub(crate) fn body(len: usize) -> Bytes {
    Bytes::from(vec![b'x'; len])
}
