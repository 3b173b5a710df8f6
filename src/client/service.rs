//! The service and its response future: reads the body if it must be signed, sends the request, and inspects the response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::signer::{Signer, Signing, Step};
use super::skew::SkewCheck;
use super::{AuthError, HttpRequest, HttpResponse};
use crate::body::Collect;
use crate::{BoxError, RebuildBody, RebuildFromBytes};

/// Middleware that authenticates requests with an API key or the owner's signature.
///
/// Created and configured by [`LogentriesAuthLayer`](super::LogentriesAuthLayer). Code that is generic over clients names it
/// as [`HttpRequest`] shows.
#[derive(Clone)]
pub struct LogentriesAuth<S, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) signer: Arc<Signer>,
    pub(super) rebuild: R,
}

impl<S, R> LogentriesAuth<S, R> {
    crate::text::inner_accessors!();
}

impl<S, R, Req> Service<Req> for LogentriesAuth<S, R>
where
    Req: HttpRequest,
    S: Service<Req, Response: HttpResponse, Error: Into<BoxError>> + Clone,
    R: RebuildBody<Req::Body> + Clone,
{
    type Response = S::Response;
    type Error = AuthError;
    type Future = ResponseFuture<S, R, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AuthError>> {
        self.inner.poll_ready(cx).map_err(AuthError::service)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let mut service = crate::text::take_ready(&mut self.inner);
        let state = match self.signer.begin(&mut request, None) {
            Ok(Step::Send(check)) => State::Sent { future: service.call(request), check },
            Ok(Step::Read(signing)) => {
                let (head, body) = self.signer.take_body(request);
                let (signer, rebuild) = (Arc::clone(&self.signer), self.rebuild.clone());
                State::Reading { body, waiting: Some((Self { inner: service, signer, rebuild }, head, signing)) }
            }
            Err(error) => State::Failed { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

crate::text::opaque_debug!(LogentriesAuth<S, R>);

pin_project! {
    /// The response future of [`LogentriesAuth`](super::LogentriesAuth).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S: Service<Req>, R, Req: HttpRequest> {
        #[pin]
        state: State<S, R, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Req>, R, Req: HttpRequest> {
        Failed { error: Option<AuthError> },
        // With a service that is ready for the request, and the rest of the request.
        Reading { #[pin] body: Collect<Req::Body>, waiting: Option<(LogentriesAuth<S, R>, Req::Head, Signing)> },
        Sent { #[pin] future: S::Future, check: Option<SkewCheck> },
    }
}

impl<S, R, Req> Future for ResponseFuture<S, R, Req>
where
    Req: HttpRequest,
    S: Service<Req, Response: HttpResponse, Error: Into<BoxError>>,
    R: RebuildBody<Req::Body>,
{
    type Output = Result<S::Response, AuthError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
                StateProj::Reading { body, waiting } => {
                    let collected = ready!(body.poll(cx));
                    let (mut service, head, signing) = waiting.take().expect("polled after completion");
                    let (request, check) = service.signer.sign_body(head, signing, collected, &service.rebuild)?;
                    let future = service.inner.call(request);
                    state.set(State::Sent { future, check });
                }
                StateProj::Sent { future, check } => {
                    let mut response = ready!(future.poll(cx)).map_err(AuthError::service)?;
                    if let Some(check) = check.take() {
                        check.inspect(&mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

crate::text::opaque_debug!(ResponseFuture<S: Service<Req>, R, Req: HttpRequest>);
