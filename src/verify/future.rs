//! The response future: looks up the key, reads and verifies the body, and calls the inner service. If the request is
//! rejected, it drains the rest of the body first.

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
    body::{BodyError, Collect, Drain},
    trace,
};

pin_project! {
    /// The response future of [`LogentriesVerify`](super::LogentriesVerify).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
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
        LookingUp { #[pin] lookup: K::Future, rest: Option<LookingUp<S, ReqBody>> },
        Reading { #[pin] body: Collect<ReqBody>, purpose: Purpose<S> },
        Called { #[pin] future: S::Future },
        Rejected { rejection: Option<Rejection> },
    }
}

/// A request while its key is looked up, and the service that was ready for it.
pub(super) struct LookingUp<S, ReqBody> {
    pub(super) service: S,
    pub(super) request: Request<ReqBody>,
    pub(super) credentials: PresentedCredentials,
}

/// What a body is read for.
#[allow(clippy::large_enum_variant)] // a box would cost each signed body an allocation
enum Purpose<S> {
    Verify(Option<Unverified<S>>),
    /// The request was rejected. The rest of its body is dropped, and its response is next.
    Drain(Option<Drain>, Option<Rejection>),
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
    ReqBody: Body,
{
    pub(super) fn rejected(
        verifier: Arc<Verifier>,
        rebuild: R,
        request: Request<ReqBody>,
        rejection: Rejection,
    ) -> Self {
        let is_head = *request.method() == Method::HEAD;
        Self { state: State::rejected(&verifier, request, rejection), verifier, rebuild, is_head }
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
{
    fn authorize<K: KeyStore>(
        self,
        verifier: &Verifier,
        rebuild: &impl RebuildBody<ReqBody>,
        stored: Result<Option<StoredKey>, K::Error>,
    ) -> State<S, K, ReqBody> {
        let Self { service, request, credentials } = self;
        let authorization = stored
            .map_err(Rejection::key_store_unavailable)
            .and_then(|stored| verifier.authorize(&request, credentials, stored));
        match authorization {
            Ok(Authorization::Granted(accepted)) => State::called(service, request, accepted),
            Ok(Authorization::AwaitingSignature(signature)) => {
                let (head, body) = request.into_parts();
                if !body.is_end_stream() {
                    let body = Collect::new(body, verifier.body_limit, rebuild.joins_chunks());
                    let unverified = Unverified { service, head, signature };
                    return State::Reading { body, purpose: Purpose::Verify(Some(unverified)) };
                }
                match signature.verify(&head, &BufferedBody::default(), BodyDigest::EMPTY) {
                    Ok(accepted) => State::called(service, Request::from_parts(head, body), accepted),
                    Err(rejection) => State::rejected(verifier, Request::from_parts(head, body), rejection),
                }
            }
            Err(rejection) => State::rejected(verifier, request, rejection),
        }
    }
}

impl<S> Unverified<S> {
    fn verify<K: KeyStore, ReqBody>(
        self,
        rebuild: &impl RebuildBody<ReqBody>,
        (body, digest): (BufferedBody, BodyDigest),
    ) -> State<S, K, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        let Self { service, head, signature } = self;
        // User code never sees a body that was not verified.
        let verified = signature.verify(&head, &body, digest).and_then(|accepted| {
            let body = rebuild.rebuild(body).ok_or(BodyError::UnsupportedTrailers)?;
            Ok((body, accepted))
        });
        match verified {
            Ok((body, accepted)) => State::called(service, Request::from_parts(head, body), accepted),
            Err(rejection) => {
                log(&head, &rejection);
                State::Rejected { rejection: Some(rejection) }
            }
        }
    }

    fn reject<ReqBody: Body>(self, verifier: &Verifier, error: BodyError, body: &Collect<ReqBody>) -> Purpose<S> {
        let drain = match error {
            BodyError::TooLarge { .. } => verifier.drain(&self.head, body.body(), body.is_unread()),
            // There is nothing more to read.
            BodyError::Read(_) | BodyError::LengthMismatch { .. } | BodyError::UnsupportedTrailers => None,
        };
        let rejection = error.into();
        log(&self.head, &rejection);
        Purpose::Drain(drain, Some(rejection))
    }
}

fn log(head: &Parts, rejection: &Rejection) {
    trace::rejected(&head.method, &head.uri, &head.headers, rejection);
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

    /// Rejects a request of whose body nothing was read.
    fn rejected(verifier: &Verifier, request: Request<ReqBody>, rejection: Rejection) -> Self
    where
        ReqBody: Body,
    {
        let (head, body) = request.into_parts();
        log(&head, &rejection);
        match verifier.drain(&head, &body, true) {
            drain @ Some(_) => {
                Self::Reading { body: Collect::new(body, 0, false), purpose: Purpose::Drain(drain, Some(rejection)) }
            }
            None => Self::Rejected { rejection: Some(rejection) },
        }
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
                StateProj::LookingUp { lookup, rest } => {
                    let stored = ready!(lookup.poll(cx));
                    rest.take().expect("taken once, with the state").authorize(this.verifier, this.rebuild, stored)
                }
                StateProj::Reading { mut body, purpose } => match purpose {
                    Purpose::Verify(unverified) => {
                        let collected = ready!(body.as_mut().poll(cx));
                        let unverified = unverified.take().expect("taken once, with the state");
                        match collected {
                            Ok(collected) => unverified.verify(this.rebuild, collected),
                            Err(error) => {
                                *purpose = unverified.reject(this.verifier, error, &body);
                                continue;
                            }
                        }
                    }
                    Purpose::Drain(drain, rejection) => {
                        if let Some(drain) = drain {
                            ready!(body.poll_drain(drain, cx));
                        }
                        State::Rejected { rejection: rejection.take() }
                    }
                },
                StateProj::Called { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
                StateProj::Rejected { rejection } => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(Ok(rejection.into_response(this.verifier.clock.now(), *this.is_head)));
                }
            };
            state.set(next);
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
