//! The service and its response future: decides what has to be recorded, records it, then calls the inner service.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{MemoryReplayGuard, ReplayGuard};
use crate::scheme::is_safe;
use crate::server::{PresentedKey, Reason, ResponseBody, VerifiedSignature};
use crate::{Access, Identity, Rejection, trace};

/// Middleware that lets each signed request pass once.
///
/// Created and configured by [`RejectReplaysLayer`](super::RejectReplaysLayer).
#[derive(Clone)]
pub struct RejectReplays<S, G = MemoryReplayGuard> {
    pub(super) inner: S,
    pub(super) guard: G,
    pub(super) checks_safe_methods: bool,
}

impl<S, G> RejectReplays<S, G> {
    crate::text::inner_accessors!();

    /// Returns the signature that has to be recorded, if there is one.
    fn signature<ReqBody>(&self, request: &Request<ReqBody>) -> Result<Option<VerifiedSignature>, Reason> {
        let extensions = request.extensions();
        let identity = extensions.get::<Identity>().ok_or(Reason::MissingVerifyLayer)?;
        match extensions.get::<VerifiedSignature>() {
            // The verifying layer grants an owner's access to signatures alone.
            None if identity.access == Access::Owner => Err(Reason::MissingVerifyLayer),
            None => Ok(None),
            Some(_) if !self.checks_safe_methods && is_safe(request.method()) => Ok(None),
            Some(signature) if signature.is_expired() => Err(Reason::Expired),
            Some(signature) => Ok(Some(signature.clone())),
        }
    }
}

impl<S, G, ReqBody, ResBody> Service<Request<ReqBody>> for RejectReplays<S, G>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    G: ReplayGuard,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, G, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let mut service = crate::text::take_ready(&mut self.inner);
        let state = match self.signature(&request) {
            Ok(Some(signature)) => {
                State::Recording { recording: self.guard.record(signature), rest: Some((service, request)) }
            }
            Ok(None) => State::Called { future: service.call(request) },
            Err(reason) => State::rejected(&request, reason),
        };
        ResponseFuture { state }
    }
}

crate::text::opaque_debug!(RejectReplays<S, G>);

pin_project! {
    /// The response future of [`RejectReplays`](super::RejectReplays).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> {
        #[pin]
        state: State<S, G, ReqBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> {
        /// Beside the rejection, what its response depends on: the verifying layer's clock, and whether it answers HEAD.
        Rejected { rejected: Option<(Rejection, Option<u64>, bool)> },
        Recording { #[pin] recording: G::Future, rest: Option<(S, Request<ReqBody>)> },
        Called { #[pin] future: S::Future },
    }
}

impl<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> State<S, G, ReqBody> {
    fn rejected(request: &Request<ReqBody>, reason: Reason) -> Self {
        let signature = request.extensions().get::<VerifiedSignature>();
        let key = signature.map(|signature| PresentedKey::OwnerKeyId(signature.key_id().into()));
        let rejection = Rejection::new(key, request.extensions().get().cloned(), reason);
        trace::replay_rejected(&rejection.event(request.method(), request.uri().path()));
        let now = signature.and_then(|signature| signature.clock.now());
        Self::Rejected { rejected: Some((rejection, now, *request.method() == Method::HEAD)) }
    }
}

impl<S, G, ReqBody, ResBody> Future for ResponseFuture<S, G, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    G: ReplayGuard,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Rejected { rejected } => {
                    let (rejection, now, is_head) = rejected.take().expect("polled after completion");
                    return Poll::Ready(Ok(rejection.into_response(now, is_head)));
                }
                StateProj::Recording { recording, rest } => {
                    let recorded = ready!(recording.poll(cx));
                    let (mut service, request) = rest.take().expect("taken once, with the state");
                    match recorded {
                        Ok(true) => State::Called { future: service.call(request) },
                        Ok(false) => State::rejected(&request, Reason::Replayed),
                        Err(error) => State::rejected(&request, Reason::GuardUnavailable(error.into().into())),
                    }
                }
                StateProj::Called { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
            };
            state.set(next);
        }
    }
}

crate::text::opaque_debug!(ResponseFuture<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody>);
