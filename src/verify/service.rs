//! The service: checks what can be checked at once, and starts to look up the key.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{KeyStore, ResponseBody, ResponseFuture, future::LookingUp, verifier::Verifier};
use crate::{RebuildBody, RebuildFromBytes};

/// Middleware that authenticates requests before they reach the inner service.
///
/// Created and configured by [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer).
pub struct LogentriesVerify<S, K, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) keys: Arc<K>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) rebuild: R,
}

impl<S: Clone, K, R: Clone> Clone for LogentriesVerify<S, K, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            keys: Arc::clone(&self.keys),
            verifier: Arc::clone(&self.verifier),
            rebuild: self.rebuild.clone(),
        }
    }
}

impl<S, K, R, ReqBody, ResBody> Service<Request<ReqBody>> for LogentriesVerify<S, K, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    K: KeyStore,
    R: RebuildBody<ReqBody> + Clone,
    ReqBody: Body,
    ReqBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, K, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (verifier, rebuild) = (Arc::clone(&self.verifier), self.rebuild.clone());
        let credentials = match self.verifier.authenticate(&request) {
            Ok(credentials) => credentials,
            Err(rejection) => {
                // Gives up the readiness that `poll_ready` reserved, such as a permit: nothing is going to use it.
                self.inner = self.inner.clone();
                return ResponseFuture::rejected(verifier, rebuild, request, rejection);
            }
        };
        let lookup = self.keys.lookup(credentials.key());
        // The clone is not ready: the request takes the service that is.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        ResponseFuture::looking_up(verifier, rebuild, lookup, LookingUp { service, request, credentials })
    }
}

impl<S: fmt::Debug, K, R> fmt::Debug for LogentriesVerify<S, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesVerify")
            .field("inner", &self.inner)
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
