//! The response future: reads the body if it must be signed, sends the request, and inspects the response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::skew::SkewCheck;
use super::unsigned::Unsigned;
use super::{AuthError, HttpRequest, HttpResponse};
use crate::body::Collect;
use crate::{BoxError, RebuildBody};

pin_project! {
    /// The response future of [`LogentriesAuth`](super::LogentriesAuth).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S: Service<Req>, R, Req: HttpRequest> {
        #[pin]
        pub(super) state: State<S, R, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<S: Service<Req>, R, Req: HttpRequest> {
        Failed { error: Option<AuthError> },
        Reading { #[pin] body: Collect<Req::Body>, rest: Option<Waiting<S, R, Req>> },
        Sent { #[pin] future: S::Future, check: Option<SkewCheck> },
    }
}

/// What waits for the body: the rest of the request, and the service that is ready for it.
pub(super) struct Waiting<S, R, Req: HttpRequest> {
    pub(super) service: S,
    pub(super) rebuild: R,
    pub(super) unsigned: Unsigned<Req::Head>,
}

impl<S, R, Req> Future for ResponseFuture<S, R, Req>
where
    Req: HttpRequest,
    S: Service<Req>,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
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
                StateProj::Reading { body, rest } => {
                    let collected = ready!(body.poll(cx));
                    let Waiting { mut service, rebuild, unsigned } = rest.take().expect("polled after completion");
                    let (request, check) = unsigned.sign_body(collected, &rebuild)?;
                    let future = service.call(request);
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
