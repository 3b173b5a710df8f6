//! The service: sends a request at once, or has its future read the body first.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{
    AuthError, HttpRequest, HttpResponse, InvalidOrigin, ResponseFuture,
    signer::{Prepared, Signer},
};
use crate::{CredentialsHandle, RebuildBody, RebuildFromBytes};

/// Middleware that authenticates requests with an API key or the owner's signature.
///
/// Created and configured by [`LogentriesAuthLayer`](super::LogentriesAuthLayer).
#[derive(Clone)]
pub struct LogentriesAuth<S, R = RebuildFromBytes> {
    pub(super) inner: S,
    pub(super) signer: Arc<Signer>,
    pub(super) rebuild: R,
}

impl<S, R> LogentriesAuth<S, R> {
    /// Returns a handle that replaces the credentials of every clone of this service and its layer at once.
    ///
    /// If this service is wrapped by others, reach it through their `get_ref`:
    ///
    /// ```
    /// use tower::Layer;
    /// use tower_http::follow_redirect::FollowRedirectLayer;
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// # fn run(http_client: impl Clone) -> Result<(), tower_logentries_auth::CredentialsError> {
    /// let client = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).layer(http_client);
    /// let client = FollowRedirectLayer::new().layer(client);
    ///
    /// let handle = client.get_ref().credentials_handle();
    /// handle.replace(Credentials::owner("key-id", "next-owner-key")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn credentials_handle(&self) -> CredentialsHandle {
        self.signer.credentials.clone()
    }

    /// Returns by how many seconds the clock of `origin` is ahead of this service's, or 0 if it was never corrected.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an origin.
    pub fn clock_offset_secs(&self, origin: &str) -> Result<i64, InvalidOrigin> {
        self.signer.clock_offset_secs(origin)
    }

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
