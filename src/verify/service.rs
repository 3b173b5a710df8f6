//! The service: checks what can be checked at once, and starts the look-up of the key.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{
    KeyStore, LogentriesVerifyLayer, VerifyBody,
    future::{LookingUp, VerifyFuture},
};
use crate::{FromBytes, Rebuild};

/// A service behind a verifying layer. Made by [`LogentriesVerifyLayer`].
pub struct LogentriesVerify<S, K, R = FromBytes> {
    pub(super) inner: S,
    pub(super) layer: LogentriesVerifyLayer<K, R>,
}

impl<S: Clone, K, R: Clone> Clone for LogentriesVerify<S, K, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, K, R, B, T> Service<Request<B>> for LogentriesVerify<S, K, R>
where
    S: Service<Request<B>, Response = Response<T>> + Clone,
    K: KeyStore,
    R: Rebuild<B> + Clone,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Response<VerifyBody<T>>;
    type Error = S::Error;
    type Future = VerifyFuture<S, K, R, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let layer = self.layer.clone();
        let claim = match layer.claim(&request) {
            Ok(claim) => claim,
            Err(rejection) => return VerifyFuture::refused(layer, rejection),
        };
        let look_up = layer.keys.look_up(claim.presented());
        // The clone is not ready; the service that is goes with the request.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        VerifyFuture::looking_up(layer, look_up, LookingUp { service, request, claim })
    }
}

impl<S: fmt::Debug, K, R> fmt::Debug for LogentriesVerify<S, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesVerify").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
