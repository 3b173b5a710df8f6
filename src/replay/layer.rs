//! The layer, which configures the guard and what is checked.

use tower_layer::Layer;

use super::{MemoryReplayGuard, RejectReplays};

/// Layer that lets each signed request pass once. It belongs inside a
/// [`LogentriesVerifyLayer`](crate::LogentriesVerifyLayer).
///
/// The scheme has no nonce, so a captured request is accepted again until its date expires. This layer remembers
/// signatures until then in a [`ReplayGuard`](super::ReplayGuard), and rejects those that were used before, as
/// described at [`Reason`](crate::server::Reason).
///
/// # Guarantees
///
/// 1. A signature is recorded after it was verified and before the inner service is called, in one step: of any number
///    of concurrent copies exactly one passes.
/// 2. If the guard fails or is full, the response is 503. The request never passes.
/// 3. Without an outer verifying layer, every response is 500.
///
/// Requests with an API key pass: the key itself is sent, so anyone who captured it needs no replay. Requests with a
/// safe method (`GET`, `HEAD`, `OPTIONS`, `TRACE`, `QUERY`) pass too, unless [`check_safe_methods(true)`](Self::check_safe_methods) is set. A
/// signature counts as used even if the inner service fails or the client gives up: a retry must be signed again.
///
/// Two equal requests that a client signs in the same second have the same signature, and the second is rejected. So is a
/// request that a client repeats within the second after a redirect (307 or 308) to the same path. See
/// [`guide::replays`](crate::guide::replays) about this and about replicas.
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_logentries_auth::{Credentials, LogentriesVerifyLayer, RejectReplaysLayer};
///
/// let keys = Credentials::owner("key-id", "owner-key")?;
/// let app: Router = Router::new()
///     .route("/management/accounts/7/users", post(|| async { "created" }))
///     .layer(RejectReplaysLayer::default())
///     .layer(LogentriesVerifyLayer::new(keys)); // added after, so outside of it
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RejectReplaysLayer<G = MemoryReplayGuard> {
    guard: G,
    checks_safe_methods: bool,
}

impl<G> RejectReplaysLayer<G> {
    /// Creates a layer with this guard, which all services and clones of the layer share.
    pub fn new(guard: G) -> Self {
        Self { guard, checks_safe_methods: false }
    }

    /// Sets whether requests with a safe method (`GET`, `HEAD`, `OPTIONS`, `TRACE`, `QUERY`) are checked too. Defaults to
    /// `false`, because clients repeat such requests freely, and a replay changes nothing, although it reads the response
    /// again. With `true`, a `GET` that a client repeats within its second is a replay.
    ///
    /// ```
    /// use tower_logentries_auth::RejectReplaysLayer;
    ///
    /// let layer = RejectReplaysLayer::default().check_safe_methods(true);
    /// ```
    pub fn check_safe_methods(self, checked: bool) -> Self {
        Self { checks_safe_methods: checked, ..self }
    }
}

/// With a [`MemoryReplayGuard`] for 1,000,000 signatures.
impl Default for RejectReplaysLayer {
    fn default() -> Self {
        Self::new(MemoryReplayGuard::new())
    }
}

impl<S, G: Clone> Layer<S> for RejectReplaysLayer<G> {
    type Service = RejectReplays<S, G>;

    fn layer(&self, inner: S) -> Self::Service {
        RejectReplays { inner, guard: self.guard.clone(), checks_safe_methods: self.checks_safe_methods }
    }
}

crate::text::opaque_debug!(RejectReplaysLayer<G>);
