//! The future of a response: the body is read, the request is sent, the response is watched.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    AuthError, HttpRequest, HttpResponse, LogentriesAuthLayer,
    steps::{Pen, Watch},
};
use crate::{Rebuild, body::Reader, trace};

pin_project! {
    /// The response future of [`LogentriesAuth`](crate::LogentriesAuth).
    pub struct ResponseFuture<S, R, Q>
    where
        S: Service<Q>,
        Q: HttpRequest,
    {
        #[pin]
        state: State<S, R, Q>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, Q>
    where
        S: Service<Q>,
        Q: HttpRequest,
    {
        Refused { error: Option<AuthError> },
        Reading { #[pin] reader: Reader<Q::Body>, rest: Option<Reading<S, R, Q>> },
        Sent { #[pin] future: S::Future, watch: Option<Watch> },
    }
}

/// The rest of a request, while its body is read: the service is the one that was ready.
struct Reading<S, R, Q: HttpRequest> {
    service: S,
    layer: LogentriesAuthLayer<R>,
    head: Q::Head,
    pen: Pen,
}

impl<S, R, Q> ResponseFuture<S, R, Q>
where
    S: Service<Q>,
    Q: HttpRequest,
{
    pub(super) fn refused(error: AuthError) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }

    pub(super) fn reading(service: S, layer: LogentriesAuthLayer<R>, request: Q, pen: Pen) -> Self {
        let (head, body) = request.split();
        let reader = layer.reader(body);
        Self { state: State::Reading { reader, rest: Some(Reading { service, layer, head, pen }) } }
    }

    pub(super) fn sent(future: S::Future, watch: Option<Watch>) -> Self {
        Self { state: State::Sent { future, watch } }
    }
}

impl<S, R, Q> Future for ResponseFuture<S, R, Q>
where
    Q: HttpRequest,
    S: Service<Q>,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
    R: Rebuild<Q::Body>,
{
    type Output = Result<S::Response, AuthError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Refused { error } => {
                    let error = error.take().expect("polled after it was ready");
                    trace::refused(&error);
                    return Poll::Ready(Err(error));
                }
                StateProj::Reading { reader, rest } => {
                    let read = ready!(reader.poll(cx));
                    let Reading { mut service, layer, head, pen } = rest.take().expect("taken once, with the state");
                    match read.map_err(AuthError::from).and_then(|read| layer.complete(head, read, pen)) {
                        Ok((request, watch)) => state.set(State::Sent { future: service.call(request), watch }),
                        Err(error) => state.set(State::Refused { error: Some(error) }),
                    }
                }
                StateProj::Sent { future, watch } => {
                    let mut response = ready!(future.poll(cx)).map_err(AuthError::service)?;
                    if let Some(watch) = watch.take() {
                        watch.see(&mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
            }
        }
    }
}

impl<S, R, Q> fmt::Debug for ResponseFuture<S, R, Q>
where
    S: Service<Q>,
    Q: HttpRequest,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
