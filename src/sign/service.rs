//! The service: sends at once what needs no reading, and lets its future read the rest first.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{
    AuthError, HttpRequest, HttpResponse, ResponseFuture,
    signer::{Prepared, Signer},
};
use crate::{RebuildBody, RebuildFromBytes};

/// Middleware that authenticates requests with an API key or the owner's signature.
///
/// Created by [`LogentriesAuthLayer`](super::LogentriesAuthLayer), which is where everything is configured.
#[derive(Clone)]
pub struct LogentriesAuth<S, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) signer: Arc<Signer>,
    pub(super) rebuild: R,
}

impl<S, R, Req> Service<Req> for LogentriesAuth<S, R>
where
    Req: HttpRequest,
    S: Service<Req> + Clone,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
    R: RebuildBody<Req::Body> + Clone,
{
    type Response = S::Response;
    type Error = AuthError;
    type Future = ResponseFuture<S, R, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AuthError>> {
        self.inner.poll_ready(cx).map_err(AuthError::service)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let overrides = request.overrides();
        match self.signer.prepare(&mut request, overrides) {
            Ok(Prepared::Ready(skew_check)) => ResponseFuture::sent(self.inner.call(request), skew_check),
            Ok(Prepared::NeedsBody(pending)) => {
                // The clone is not ready: the request takes the service that is.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                ResponseFuture::collecting(service, Arc::clone(&self.signer), self.rebuild.clone(), request, pending)
            }
            Err(error) => {
                // Gives up the readiness that `poll_ready` reserved, such as a permit: nothing is going to use it.
                self.inner = self.inner.clone();
                ResponseFuture::failed(error)
            }
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for LogentriesAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuth")
            .field("inner", &self.inner)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
