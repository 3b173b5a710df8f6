//! The future of a response: the key is looked up, the body read and verified, the inner service asked.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    Authenticated, Found, KeyStore, LogentriesVerifyLayer, Rejection, VerifyBody,
    checks::Claim,
    steps::{Authorized, Signed, introduce},
};
use crate::{
    BodyDigest, BufferedBody, Rebuild,
    body::{BodyError, Reader, rebuild},
    trace,
};

pin_project! {
    /// The response future of [`LogentriesVerify`](crate::LogentriesVerify).
    pub struct VerifyFuture<S, K, R, B>
    where
        S: Service<Request<B>>,
        K: KeyStore,
    {
        #[pin]
        state: State<S, K, B>,
        layer: LogentriesVerifyLayer<K, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, K, B>
    where
        S: Service<Request<B>>,
        K: KeyStore,
    {
        Refused { rejection: Option<Rejection> },
        LookingUp { #[pin] look_up: K::Future, rest: Option<LookingUp<S, B>> },
        Reading { #[pin] reader: Reader<B>, rest: Option<Reading<S>> },
        Serving { #[pin] future: S::Future },
    }
}

/// A request while its key is looked up; the service is the one that was ready.
pub(super) struct LookingUp<S, B> {
    pub(super) service: S,
    pub(super) request: Request<B>,
    pub(super) claim: Claim,
}

/// The rest of a request while its body is read.
struct Reading<S> {
    service: S,
    head: Parts,
    signed: Signed,
}

impl<S, K, R, B> VerifyFuture<S, K, R, B>
where
    S: Service<Request<B>>,
    K: KeyStore,
{
    pub(super) fn refused(layer: LogentriesVerifyLayer<K, R>, rejection: Rejection) -> Self {
        Self { state: State::Refused { rejection: Some(rejection) }, layer }
    }

    pub(super) fn looking_up(layer: LogentriesVerifyLayer<K, R>, look_up: K::Future, rest: LookingUp<S, B>) -> Self {
        Self { state: State::LookingUp { look_up, rest: Some(rest) }, layer }
    }
}

impl<S, B> LookingUp<S, B>
where
    S: Service<Request<B>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    fn found<K: KeyStore, R>(
        self,
        layer: &LogentriesVerifyLayer<K, R>,
        found: Result<Found, K::Error>,
    ) -> Result<State<S, K, B>, Rejection> {
        let Self { service, request, claim } = self;
        let found = found.map_err(Rejection::keys_unavailable)?;
        match layer.authorize(&request, claim, found)? {
            Authorized::ByApiKey(who) => Ok(State::serving(service, request, who)),
            Authorized::BySignature(signed) if request.body().is_end_stream() => {
                let who = signed.verify(&request, BodyDigest::EMPTY)?;
                Ok(State::serving(service, request, who))
            }
            Authorized::BySignature(signed) => {
                let (head, body) = request.into_parts();
                let reader = Reader::new(body, layer.settings.body_limit);
                Ok(State::Reading { reader, rest: Some(Reading { service, head, signed }) })
            }
        }
    }
}

impl<S> Reading<S> {
    fn read<K: KeyStore, R: Rebuild<B>, B>(
        self,
        layer: &LogentriesVerifyLayer<K, R>,
        read: Result<(BufferedBody, BodyDigest), BodyError>,
    ) -> Result<State<S, K, B>, Rejection>
    where
        S: Service<Request<B>>,
    {
        let Self { service, head, signed } = self;
        let (body, digest) = read?;
        let body = rebuild(&layer.rebuild, body)?;
        let request = Request::from_parts(head, body);
        let who = signed.verify(&request, digest)?;
        Ok(State::serving(service, request, who))
    }
}

impl<S, K, B> State<S, K, B>
where
    S: Service<Request<B>>,
    K: KeyStore,
{
    fn serving(mut service: S, mut request: Request<B>, who: Authenticated) -> Self {
        trace::accepted(who.access, who.api_key_id.as_deref(), who.principal.as_deref());
        introduce(&mut request, who);
        Self::Serving { future: service.call(request) }
    }
}

impl<S, K, R, B, T> Future for VerifyFuture<S, K, R, B>
where
    S: Service<Request<B>, Response = Response<T>>,
    K: KeyStore,
    R: Rebuild<B>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<VerifyBody<T>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Refused { rejection } => Err(rejection.take().expect("polled after it was ready")),
                StateProj::LookingUp { look_up, rest } => {
                    let found = ready!(look_up.poll(cx));
                    rest.take().expect("taken once, with the state").found(this.layer, found)
                }
                StateProj::Reading { reader, rest } => {
                    let read = ready!(reader.poll(cx));
                    rest.take().expect("taken once, with the state").read(this.layer, read)
                }
                StateProj::Serving { future } => {
                    return future.poll(cx).map_ok(|response| response.map(VerifyBody::inner));
                }
            };
            match next {
                Ok(next) => state.set(next),
                Err(rejection) => {
                    trace::rejected(rejection.status(), &rejection);
                    state.set(State::Refused { rejection: None });
                    return Poll::Ready(Ok(rejection.into_response(this.layer.settings.clock.now())));
                }
            }
        }
    }
}

impl<S, K, R, B> fmt::Debug for VerifyFuture<S, K, R, B>
where
    S: Service<Request<B>>,
    K: KeyStore,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFuture").finish_non_exhaustive()
    }
}
