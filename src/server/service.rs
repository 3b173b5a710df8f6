//! The service and its response future: checks what can be checked at once, looks up the key, reads and verifies the body, and
//! calls the inner service. If the request is rejected, it drains the rest of the body first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::drain::Drain;
use super::presented::{Presented, PresentedApiKey, PresentedSignature};
use super::verifier::{Signed, Verifier};
use super::{Identity, KeyStore, Reason, Rejection, ResponseBody, StoredApiKey};
use crate::body::{BodyError, Collect};
use crate::{BodyDigest, BoxError, BufferedBody, OwnerKey, RebuildBody, RebuildFromBytes, trace};

/// Middleware that authenticates requests before they reach the inner service.
///
/// Created and configured by [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer).
#[derive(Clone)]
pub struct LogentriesVerify<S, K, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) keys: K,
    pub(super) verifier: Arc<Verifier>,
    pub(super) rebuild: R,
}

impl<S, K, R> LogentriesVerify<S, K, R> {
    crate::text::inner_accessors!();
}

impl<S, K, R, ReqBody, ResBody> Service<Request<ReqBody>> for LogentriesVerify<S, K, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    K: KeyStore,
    R: RebuildBody<ReqBody> + Clone,
    ReqBody: Body<Error: Into<BoxError>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, K, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let service = crate::text::take_ready(&mut self.inner);
        let (verifier, rebuild) = (Arc::clone(&self.verifier), self.rebuild.clone());
        let (mut head, body) = request.into_parts();
        let presented = Presented::parse(&verifier, &mut head);
        let mut waiting = Some((service, head));
        let state = match presented {
            Ok(Presented::ApiKey(presented)) => {
                let lookup = self.keys.api_key(presented.digest);
                State::ApiKey { lookup, unread: Some((body, presented)) }
            }
            Ok(Presented::Signature(presented)) => {
                let lookup = self.keys.owner_keys(Arc::clone(&presented.id));
                State::OwnerKeys { lookup, unread: Some((body, presented)) }
            }
            Err(rejection) => State::reject(&verifier, &mut waiting, body, rejection),
        };
        ResponseFuture { state, waiting, verifier, rebuild }
    }
}

crate::text::opaque_debug!(LogentriesVerify<S, K, R>);

pin_project! {
    /// The response future of [`LogentriesVerify`](super::LogentriesVerify).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed.
    pub struct ResponseFuture<S: Service<Request<ReqBody>>, K: KeyStore, R, ReqBody> {
        #[pin]
        state: State<S, K, ReqBody>,
        // Until it is called, the service that is ready for the request, and the request without its body.
        waiting: Option<(S, Parts)>,
        verifier: Arc<Verifier>,
        rebuild: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Request<ReqBody>>, K: KeyStore, ReqBody> {
        ApiKey { #[pin] lookup: K::ApiKey, unread: Option<(ReqBody, PresentedApiKey)> },
        OwnerKeys { #[pin] lookup: K::OwnerKeys, unread: Option<(ReqBody, PresentedSignature)> },
        Body { #[pin] body: Collect<ReqBody>, signed: Option<Signed>, rejected: Option<Ending> },
        Called { #[pin] future: S::Future, identity: Option<Identity> },
    }
}

/// A rejected request, whose response waits until the rest of its body is drained.
struct Ending {
    rejection: Rejection,
    drain: Option<Drain>,
    is_head: bool,
}

impl Ending {
    fn new(rejection: Rejection, head: &Parts, drain: Option<Drain>) -> Self {
        let request = rejection.event(&head.method, head.uri.path());
        match rejection.reason() {
            Reason::InvalidSignature(mismatch) => mismatch.log(&request),
            _ => trace::rejected(&request, None, None, None),
        }
        Self { rejection, drain, is_head: head.method == Method::HEAD }
    }
}

impl<S, K, R, ReqBody, ResBody> Future for ResponseFuture<S, K, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    K: KeyStore,
    R: RebuildBody<ReqBody>,
    ReqBody: Body<Error: Into<BoxError>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::ApiKey { lookup, unread } => {
                    let next = State::check_access(ready!(lookup.poll(cx)), unread, this.waiting, this.verifier);
                    this.state.set(next);
                }
                StateProj::OwnerKeys { lookup, unread } => {
                    let next = State::read_body(ready!(lookup.poll(cx)), unread, this.waiting, this.verifier);
                    this.state.set(next);
                }
                StateProj::Body { mut body, signed: signed @ Some(_), rejected } => {
                    let read = ready!(body.as_mut().poll(cx));
                    match State::verify(read, &take(signed), this.waiting, body, this.verifier, this.rebuild) {
                        Ok(called) => this.state.set(called),
                        Err(ending) => *rejected = Some(ending),
                    }
                }
                StateProj::Body { body, rejected, .. } => return end(body, rejected, this.verifier, cx).map(Ok),
                StateProj::Called { future, identity } => {
                    let mut response = ready!(future.poll(cx))?;
                    response.extensions_mut().insert(take(identity));
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
            }
        }
    }
}

fn take<T>(state: &mut Option<T>) -> T {
    state.take().expect("polled after completion")
}

/// Drains the rest of the body of a rejected request, and builds the response.
fn end<ReqBody: Body, ResBody>(
    body: Pin<&mut Collect<ReqBody>>,
    rejected: &mut Option<Ending>,
    verifier: &Verifier,
    cx: &mut Context<'_>,
) -> Poll<Response<ResponseBody<ResBody>>> {
    if let Some(Ending { drain: Some(drain), .. }) = rejected {
        ready!(drain.poll(body.into_rest(), cx));
    }
    let Ending { rejection, is_head, .. } = take(rejected);
    Poll::Ready(rejection.into_response(verifier.clock.now(), is_head))
}

impl<S: Service<Request<ReqBody>>, K: KeyStore, ReqBody: Body> State<S, K, ReqBody> {
    fn check_access(
        stored: Result<Option<StoredApiKey>, K::Error>,
        unread: &mut Option<(ReqBody, PresentedApiKey)>,
        waiting: &mut Option<(S, Parts)>,
        verifier: &Verifier,
    ) -> Self {
        let (body, presented) = take(unread);
        match presented.check_access(stored) {
            Ok(identity) => Self::call(take(waiting), body, identity),
            Err(rejection) => Self::reject(verifier, waiting, body, rejection),
        }
    }

    fn read_body(
        stored: Result<Vec<OwnerKey>, K::Error>,
        unread: &mut Option<(ReqBody, PresentedSignature)>,
        waiting: &mut Option<(S, Parts)>,
        verifier: &Verifier,
    ) -> Self {
        let (body, presented) = take(unread);
        match presented.check_keys(stored) {
            Ok(keys) => {
                let body = Collect::new(body, verifier.body_limit);
                Self::Body { body, signed: Some(Signed { presented, keys }), rejected: None }
            }
            Err(reason) => Self::reject(verifier, waiting, body, presented.reject(reason)),
        }
    }

    /// Rejects a request whose body was not read at all.
    fn reject(verifier: &Verifier, waiting: &mut Option<(S, Parts)>, body: ReqBody, rejection: Rejection) -> Self {
        let (_, head) = take(waiting);
        let ending = Ending::new(rejection, &head, Drain::start(verifier, &head, &body, true));
        Self::Body { body: Collect::new(body, 0), signed: None, rejected: Some(ending) }
    }

    fn call((mut service, head): (S, Parts), body: ReqBody, identity: Identity) -> Self {
        let mut request = Request::from_parts(head, body);
        identity.attach(&mut request);
        Self::Called { future: service.call(request), identity: Some(identity) }
    }

    /// Verifies the signature with the body that was read, and calls the inner service. If the body is too large, the rest of
    /// it is drained; after any other error there is nothing more to read.
    fn verify(
        read: Result<(BufferedBody, BodyDigest), BodyError>,
        signed: &Signed,
        waiting: &mut Option<(S, Parts)>,
        body: Pin<&mut Collect<ReqBody>>,
        verifier: &Verifier,
        rebuild_body: &impl RebuildBody<ReqBody>,
    ) -> Result<Self, Ending> {
        let (service, mut head) = take(waiting);
        let verified = read.map_err(Reason::from).and_then(|(body, digest)| {
            let (identity, signature) = verifier.verify(&head, signed, body.bytes(), digest)?;
            // User code never sees a body that was not verified.
            let body = rebuild_body.rebuild(body)?;
            head.extensions.insert(signature);
            Ok((body, identity))
        });
        match verified {
            Ok((body, identity)) => Ok(Self::call((service, head), body, identity)),
            Err(reason) => {
                let is_too_large = matches!(reason, Reason::BodyTooLarge { limit: Some(_) });
                let is_unread = body.is_refused();
                let drain = Drain::start(verifier, &head, &*body.into_rest(), is_unread);
                Err(Ending::new(signed.presented.reject(reason), &head, drain.filter(|_| is_too_large)))
            }
        }
    }
}

crate::text::opaque_debug!(ResponseFuture<S: Service<Request<ReqBody>>, K: KeyStore, R, ReqBody>);
