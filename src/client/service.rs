//! The service: sends a request at once, or has its future read the body first.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    AuthError, HttpRequest, HttpResponse, ResponseFuture,
    future::Waiting,
    signer::{Signer, Step},
};
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
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
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

    fn call(&mut self, request: Req) -> Self::Future {
        match self.signer.begin(request, None) {
            Ok(Step::Send(request, check)) => ResponseFuture::sent(self.inner.call(request), check),
            Ok(Step::Read(body, unsigned)) => {
                // The clone is not ready: the request takes the service that is.
                let clone = self.inner.clone();
                let service = mem::replace(&mut self.inner, clone);
                ResponseFuture::reading(body, Waiting { service, rebuild: self.rebuild.clone(), unsigned })
            }
            Err(error) => {
                // Gives up the readiness that `poll_ready` reserved, such as a permit: nothing is going to use it.
                self.inner = self.inner.clone();
                ResponseFuture::failed(error)
            }
        }
    }
}

crate::text::opaque_debug!(LogentriesAuth<S, R>);
