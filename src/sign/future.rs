//! The response future: reads the body, sends the request, and inspects the response.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    AuthError, HttpRequest, HttpResponse,
    signer::{PendingSignature, Signer},
    skew::SkewCheck,
};
use crate::{RebuildBody, body::Collect};

pin_project! {
    /// The response future of [`LogentriesAuth`](super::LogentriesAuth).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S, R, Req>
    where
        S: Service<Req>,
        Req: HttpRequest,
    {
        #[pin]
        state: State<S, R, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, Req>
    where
        S: Service<Req>,
        Req: HttpRequest,
    {
        Failed { error: Option<AuthError> },
        Collecting { #[pin] body: Collect<Req::Body>, rest: Option<Unsigned<S, R, Req>> },
        Sent { #[pin] future: S::Future, skew_check: Option<SkewCheck> },
    }
}

/// The rest of a request while its body is read, and the service that was ready for it.
struct Unsigned<S, R, Req: HttpRequest> {
    service: S,
    signer: Arc<Signer>,
    rebuild: R,
    head: Req::Head,
    pending: PendingSignature,
}

impl<S, R, Req> ResponseFuture<S, R, Req>
where
    S: Service<Req>,
    Req: HttpRequest,
{
    pub(super) fn failed(error: AuthError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn collecting(
        service: S,
        signer: Arc<Signer>,
        rebuild: R,
        request: Req,
        pending: PendingSignature,
    ) -> Self
    where
        R: RebuildBody<Req::Body>,
    {
        let (head, body) = request.split();
        let body = signer.collect(body, &rebuild);
        Self { state: State::Collecting { body, rest: Some(Unsigned { service, signer, rebuild, head, pending }) } }
    }

    pub(super) fn sent(future: S::Future, skew_check: Option<SkewCheck>) -> Self {
        Self { state: State::Sent { future, skew_check } }
    }
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
                StateProj::Collecting { body, rest } => {
                    let collected = ready!(body.poll(cx));
                    let Unsigned { mut service, signer, rebuild, head, pending } =
                        rest.take().expect("polled after completion");
                    let (body, digest) = pending.rebuild::<Req>(&head, collected, &rebuild)?;
                    let mut request = Req::join(head, body);
                    let skew_check = signer.sign_buffered(&mut request, pending, digest)?;
                    let future = service.call(request);
                    state.set(State::Sent { future, skew_check });
                }
                StateProj::Sent { future, skew_check } => {
                    let mut response = ready!(future.poll(cx)).map_err(AuthError::service)?;
                    if let Some(skew_check) = skew_check.take() {
                        skew_check.inspect(&mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

impl<S, R, Req> fmt::Debug for ResponseFuture<S, R, Req>
where
    S: Service<Req>,
    Req: HttpRequest,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
