//! The response future: records the signature, then calls the inner service.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::ReplayGuard;
use crate::server::{PresentedKey, Reason, ResponseBody, VerifiedSignature};
use crate::{Rejection, trace};

pin_project! {
    /// The response future of [`RejectReplays`](super::RejectReplays).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> {
        #[pin]
        pub(super) state: State<S, G, ReqBody>,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> {
        /// Beside the rejection, what its response depends on: the verifying layer's clock, and whether it answers HEAD.
        Rejected { rejected: Option<(Rejection, Option<u64>, bool)> },
        Recording { #[pin] recording: G::Future, rest: Option<(S, Request<ReqBody>)> },
        Called { #[pin] future: S::Future },
    }
}

impl<S: Service<Request<ReqBody>>, G: ReplayGuard, ReqBody> State<S, G, ReqBody> {
    pub(super) fn rejected(request: &Request<ReqBody>, reason: Reason) -> Self {
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
                        Err(error) => State::rejected(&request, Reason::guard_unavailable(error)),
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
