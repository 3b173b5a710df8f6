//! The service: sends at once what needs no reading, and has the rest read first.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{AuthError, HttpRequest, HttpResponse, LogentriesAuthLayer, ResponseFuture, steps::Step};
use crate::{FromBytes, Rebuild};

/// A client service whose requests are authenticated. Made by [`LogentriesAuthLayer`].
#[derive(Clone)]
pub struct LogentriesAuth<S, R = FromBytes> {
    pub(super) inner: S,
    pub(super) layer: LogentriesAuthLayer<R>,
}

impl<S, R, Q> Service<Q> for LogentriesAuth<S, R>
where
    Q: HttpRequest,
    S: Service<Q> + Clone,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
    R: Rebuild<Q::Body> + Clone,
{
    type Response = S::Response;
    type Error = AuthError;
    type Future = ResponseFuture<S, R, Q>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AuthError>> {
        self.inner.poll_ready(cx).map_err(AuthError::service)
    }

    fn call(&mut self, mut request: Q) -> Self::Future {
        let wishes = request.wishes();
        match self.layer.settings.admit(&mut request, wishes) {
            Ok(Step::Send(watch)) => ResponseFuture::sent(self.inner.call(request), watch),
            Ok(Step::Read(pen)) => {
                // The clone is not ready; the service that is goes with the request.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                ResponseFuture::reading(service, self.layer.clone(), request, pen)
            }
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for LogentriesAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuth").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
