//! The future of a response: the key is looked up, the body read and verified, the inner service called.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    KeyStore, Rejection, ResponseBody, StoredKey,
    presented::PresentedCredentials,
    verifier::{Accepted, Authorization, UnverifiedSignature, Verifier, attach_identity},
};
use crate::{
    BodyDigest, BufferedBody, RebuildBody,
    body::{BodyError, Collect},
    trace,
};

pin_project! {
    /// The response future of [`LogentriesVerify`](super::LogentriesVerify).
    ///
    /// # Panics
    ///
    /// Polling it after it completed panics, or does what the inner service's future does then.
    pub struct ResponseFuture<S, K, R, ReqBody>
    where
        S: Service<Request<ReqBody>>,
        K: KeyStore,
    {
        #[pin]
        state: State<S, K, ReqBody>,
        verifier: Arc<Verifier>,
        rebuild: R,
        is_head: bool,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, K, ReqBody>
    where
        S: Service<Request<ReqBody>>,
        K: KeyStore,
    {
        Rejected { rejection: Option<Rejection> },
        LookingUp { #[pin] lookup: K::Future, rest: Option<LookingUp<S, ReqBody>> },
        Collecting { #[pin] body: Collect<ReqBody>, rest: Option<Unverified<S>> },
        Called { #[pin] future: S::Future },
    }
}

/// A request while its key is looked up, and the service that was ready for it.
pub(super) struct LookingUp<S, ReqBody> {
    pub(super) service: S,
    pub(super) request: Request<ReqBody>,
    pub(super) credentials: PresentedCredentials,
}

/// The rest of a request while its body is read.
struct Unverified<S> {
    service: S,
    head: Parts,
    signature: UnverifiedSignature,
}

impl<S, K, R, ReqBody> ResponseFuture<S, K, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
    K: KeyStore,
{
    pub(super) fn rejected(verifier: Arc<Verifier>, rebuild: R, is_head: bool, rejection: Rejection) -> Self {
        Self { state: State::Rejected { rejection: Some(rejection) }, verifier, rebuild, is_head }
    }

    pub(super) fn looking_up(
        verifier: Arc<Verifier>,
        rebuild: R,
        lookup: K::Future,
        rest: LookingUp<S, ReqBody>,
    ) -> Self {
        let is_head = *rest.request.method() == Method::HEAD;
        Self { state: State::LookingUp { lookup, rest: Some(rest) }, verifier, rebuild, is_head }
    }
}

impl<S, ReqBody> LookingUp<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
    ReqBody: Body,
    ReqBody::Error: Into<BoxError>,
{
    fn authorize<K: KeyStore>(
        self,
        verifier: &Verifier,
        stored: Result<Option<StoredKey>, K::Error>,
    ) -> Result<State<S, K, ReqBody>, Rejection> {
        let Self { service, request, credentials } = self;
        let authorization = stored
            .map_err(Rejection::key_store_unavailable)
            .and_then(|stored| verifier.authorize(&request, credentials, stored))
            .inspect_err(|rejection| {
                trace::rejected(request.method(), request.uri(), request.headers(), rejection);
            })?;
        match authorization {
            Authorization::Granted(accepted) => Ok(State::called(service, request, accepted)),
            Authorization::AwaitingSignature(signature) => {
                let (head, body) = request.into_parts();
                if body.is_end_stream() {
                    let accepted =
                        signature.verify(&head, &BufferedBody::default(), BodyDigest::EMPTY).inspect_err(log(&head))?;
                    return Ok(State::called(service, Request::from_parts(head, body), accepted));
                }
                let body = Collect::new(body, verifier.body_limit);
                Ok(State::Collecting { body, rest: Some(Unverified { service, head, signature }) })
            }
        }
    }
}

impl<S> Unverified<S> {
    fn verify<K: KeyStore, ReqBody>(
        self,
        rebuild: &impl RebuildBody<ReqBody>,
        collected: Result<(BufferedBody, BodyDigest), BodyError>,
    ) -> Result<State<S, K, ReqBody>, Rejection>
    where
        S: Service<Request<ReqBody>>,
    {
        let Self { service, head, signature } = self;
        let verified = collected.map_err(Rejection::from).and_then(|(body, digest)| {
            // User code never sees a body that was not verified.
            let accepted = signature.verify(&head, &body, digest)?;
            let body = rebuild.rebuild(body).ok_or(BodyError::UnsupportedTrailers)?;
            Ok((body, accepted))
        });
        let (body, accepted) = verified.inspect_err(log(&head))?;
        let request = Request::from_parts(head, body);
        Ok(State::called(service, request, accepted))
    }
}

fn log(head: &Parts) -> impl FnOnce(&Rejection) {
    |rejection| trace::rejected(&head.method, &head.uri, &head.headers, rejection)
}

impl<S, K, ReqBody> State<S, K, ReqBody>
where
    S: Service<Request<ReqBody>>,
    K: KeyStore,
{
    fn called(mut service: S, mut request: Request<ReqBody>, accepted: Accepted) -> Self {
        trace::accepted(request.method(), request.uri().path(), &accepted.identity);
        attach_identity(&mut request, accepted);
        Self::Called { future: service.call(request) }
    }
}

impl<S, K, R, ReqBody, ResBody> Future for ResponseFuture<S, K, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    K: KeyStore,
    R: RebuildBody<ReqBody>,
    ReqBody: Body,
    ReqBody::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Rejected { rejection } => Err(rejection.take().expect("polled after completion")),
                StateProj::LookingUp { lookup, rest } => {
                    let stored = ready!(lookup.poll(cx));
                    rest.take().expect("taken once, with the state").authorize(this.verifier, stored)
                }
                StateProj::Collecting { body, rest } => {
                    let collected = ready!(body.poll(cx));
                    rest.take().expect("taken once, with the state").verify(this.rebuild, collected)
                }
                StateProj::Called { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
            };
            match next {
                Ok(next) => state.set(next),
                Err(rejection) => {
                    state.set(State::Rejected { rejection: None });
                    return Poll::Ready(Ok(rejection.into_response(this.verifier.clock.now(), *this.is_head)));
                }
            }
        }
    }
}

impl<S, K, R, ReqBody> fmt::Debug for ResponseFuture<S, K, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
    K: KeyStore,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
