//! The service: checks what can be checked at once, and starts to look up the key.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::State;
use super::presented::Presented;
use super::verifier::Verifier;
use super::{KeyStore, ResponseBody, ResponseFuture};
use crate::{BoxError, RebuildBody, RebuildFromBytes};

/// Middleware that authenticates requests before they reach the inner service.
///
/// Created and configured by [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer).
#[derive(Clone)]
pub struct LogentriesVerify<S, K, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) keys: K,
    pub(super) verifier: Arc<Verifier>,
    pub(super) rebuild: R,
}

impl<S, K, R> LogentriesVerify<S, K, R> {
    crate::text::inner_accessors!();
}

impl<S, K, R, ReqBody, ResBody> Service<Request<ReqBody>> for LogentriesVerify<S, K, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    K: KeyStore,
    R: RebuildBody<ReqBody> + Clone,
    ReqBody: Body<Error: Into<BoxError>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, K, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The clone is not ready: the request takes the service that is. If it is rejected, that gives up the readiness which
        // `poll_ready` reserved, such as a permit.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        let (verifier, rebuild) = (Arc::clone(&self.verifier), self.rebuild.clone());
        let is_head = *request.method() == Method::HEAD;
        let state = match Presented::parse(&verifier, &request) {
            Ok(Presented::ApiKey(presented)) => {
                let lookup = self.keys.api_key(presented.digest);
                State::ApiKey { lookup, waiting: Some((service, request, presented)) }
            }
            Ok(Presented::Signature(presented)) => {
                let lookup = self.keys.owner_keys(Arc::clone(&presented.id));
                State::OwnerKeys { lookup, waiting: Some((service, request, presented)) }
            }
            Err(rejection) => State::reject(&verifier, request, rejection),
        };
        ResponseFuture { state, verifier, rebuild, is_head }
    }
}

crate::text::opaque_debug!(LogentriesVerify<S, K, R>);
