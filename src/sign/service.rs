//! The service: sends at once what needs no reading, and has the rest read first.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{
    AuthError, HttpRequest, HttpResponse, LogentriesAuthLayer,
    future::{Reading, ResponseFuture},
    steps::Step,
};
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

    fn call(&mut self, request: Q) -> Self::Future {
        self.start(request).unwrap_or_else(ResponseFuture::refused)
    }
}

impl<S, R> LogentriesAuth<S, R> {
    fn start<Q>(&mut self, mut request: Q) -> Result<ResponseFuture<S, R, Q>, AuthError>
    where
        Q: HttpRequest,
        S: Service<Q> + Clone,
        R: Clone,
    {
        let wishes = request.wishes();
        let watch = match self.layer.admit(&mut request, wishes)? {
            Step::Send => None,
            Step::Sign(pen, digest) => self.layer.sign(&mut request, pen, digest)?,
            Step::Read(pen) => {
                let (head, body) = request.split();
                let reader = self.layer.reader(body)?;
                // The clone is not ready; the service that is goes with the request.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                let layer = self.layer.clone();
                return Ok(ResponseFuture::reading(reader, Reading { service, layer, head, pen }));
            }
        };
        Ok(ResponseFuture::sent(self.inner.call(request), watch))
    }
}

impl<S: fmt::Debug, R> fmt::Debug for LogentriesAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuth").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
