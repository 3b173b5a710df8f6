//! The service: decides what has to be recorded, and starts to record it.

use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::State;
use super::{MemoryReplayGuard, ReplayGuard, ResponseFuture};
use crate::scheme::is_safe;
use crate::server::{Reason, ResponseBody, VerifiedSignature};
use crate::{Access, Identity};

/// Middleware that lets each signed request pass once.
///
/// Created and configured by [`RejectReplaysLayer`](super::RejectReplaysLayer).
#[derive(Clone)]
pub struct RejectReplays<S, G = MemoryReplayGuard> {
    pub(super) inner: S,
    pub(super) guard: G,
    pub(super) checks_safe_methods: bool,
}

impl<S, G> RejectReplays<S, G> {
    crate::text::inner_accessors!();

    /// Returns the signature that has to be recorded, if there is one.
    fn signature<ReqBody>(&self, request: &Request<ReqBody>) -> Result<Option<VerifiedSignature>, Reason> {
        let extensions = request.extensions();
        let identity = extensions.get::<Identity>().ok_or(Reason::MissingVerifyLayer)?;
        match extensions.get::<VerifiedSignature>() {
            // The verifying layer grants an owner's access to signatures alone.
            None if identity.access == Access::Owner => Err(Reason::MissingVerifyLayer),
            None => Ok(None),
            Some(_) if !self.checks_safe_methods && is_safe(request.method()) => Ok(None),
            Some(signature) if signature.is_expired() => Err(Reason::Expired),
            Some(signature) => Ok(Some(signature.clone())),
        }
    }
}

impl<S, G, ReqBody, ResBody> Service<Request<ReqBody>> for RejectReplays<S, G>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    G: ReplayGuard,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, G, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The clone is not ready: the request takes the service that is. If it is rejected, that gives up the readiness which
        // `poll_ready` reserved, such as a permit.
        let clone = self.inner.clone();
        let mut service = mem::replace(&mut self.inner, clone);
        let state = match self.signature(&request) {
            Ok(Some(signature)) => {
                State::Recording { recording: self.guard.record(signature), rest: Some((service, request)) }
            }
            Ok(None) => State::Called { future: service.call(request) },
            Err(reason) => State::rejected(&request, reason),
        };
        ResponseFuture { state }
    }
}

crate::text::opaque_debug!(RejectReplays<S, G>);
