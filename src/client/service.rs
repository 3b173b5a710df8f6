//! The service: sends a request at once, or has its future read the body first.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::future::{State, Waiting};
use super::signer::{Signer, Step};
use super::{AuthError, HttpRequest, HttpResponse, ResponseFuture};
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
        // The clone is not ready: the request takes the service that is. If it fails, that gives up the readiness which
        // `poll_ready` reserved, such as a permit.
        let clone = self.inner.clone();
        let mut service = mem::replace(&mut self.inner, clone);
        let state = match self.signer.begin(request, None) {
            Ok(Step::Send(request, check)) => State::Sent { future: service.call(request), check },
            Ok(Step::Read(body, unsigned)) => {
                let rebuild = self.rebuild.clone();
                State::Reading { body, rest: Some(Waiting { service, rebuild, unsigned }) }
            }
            Err(error) => State::Failed { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

crate::text::opaque_debug!(LogentriesAuth<S, R>);
