//! The layer and its settings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Method;
use tower::Layer;

use super::LogentriesVerify;
use crate::{Access, BufferedBody, FromBytes, access::AccessRule, body::DEFAULT_LIMIT, clock::Clock};

/// Lets through to a service only what the Logentries REST API would: requests with a good API key or signature.
///
/// It wraps axum routers and any other tower service that takes [`http::Request`]s. A request that passes carries an
/// [`Authenticated`](crate::Authenticated) in its extensions; one that does not is answered as
/// [`Rejection`](crate::Rejection) says, and never reaches the service.
///
/// # What a server can rely on
///
/// 1. The form of the headers, the date, the key and its access are checked in this order, before a byte of the body is read;
///    the body up to its limit, and the signature in constant time, after that.
/// 2. What could be read in two ways is refused: doubled headers, dates in other forms, methods of which one is a prefix
///    of another, a slash at the end of a signed path, and for an API key a path with empty or dot segments or needless encoding.
/// 3. An unknown key id and a wrong signature get the same answer. No answer says which part of a request differs.
/// 4. Keys that can't be looked up are a 503, never a pass.
/// 5. The handler gets the octets that were sent, in the service's own body type.
///
/// What it can't: [`guide::security`](crate::guide::security) has the gaps of the scheme, replay within the window among them.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
///
/// let keys = Credentials::owner("key-id", "owner-key")?.with_read_only("ro-key")?;
/// let app: Router = Router::new()
///     .route("/management/logs", get(|| async { "[]" }))
///     .layer(LogentriesVerifyLayer::new(keys)); // routes added below this line are not behind it
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
pub struct LogentriesVerifyLayer<K, R = FromBytes> {
    pub(super) keys: Arc<K>,
    pub(super) settings: Arc<Settings>,
    pub(super) rebuild: R,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) body_limit: usize,
    pub(super) tolerance: Duration,
    pub(super) access: AccessRule,
    pub(super) clock: Clock,
}

impl<K> LogentriesVerifyLayer<K> {
    /// A layer that takes its keys from this store.
    pub fn new(keys: K) -> Self {
        let settings = Settings {
            body_limit: DEFAULT_LIMIT,
            tolerance: Duration::from_secs(5 * 60),
            access: AccessRule::default(),
            clock: Clock::default(),
        };
        Self { keys: Arc::new(keys), settings: Arc::new(settings), rebuild: FromBytes }
    }
}

impl<K, R> LogentriesVerifyLayer<K, R> {
    /// The most bytes of a signed body that are buffered, 16 MiB unless set. A longer one is answered with 413.
    ///
    /// The bodies of API-key requests are not read, and not limited.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.set(|settings| settings.body_limit = bytes)
    }

    /// How far the Date of a signed request may be from this layer's clock, either way and in whole seconds: 5 minutes
    /// unless set. Whoever saw a request can replay it until then: for twice as long where its date was ahead.
    pub fn tolerance(self, tolerance: Duration) -> Self {
        self.set(|settings| settings.tolerance = tolerance)
    }

    /// The clock that dates are held against, the system's unless set.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.clock = Clock::new(clock))
    }

    /// Puts a rule in the place of the table of [`Access::required`]. It gets the method, and the path that the inner
    /// service sees: under axum's `nest`, without the prefix.
    ///
    /// The table is asked about that path too. Under `nest` it is asked, with feature `axum`, about the original path as well, so
    /// that an owner's resource stays one where the prefix is part of what the table knows.
    pub fn access(self, rule: impl Fn(&Method, &str) -> Access + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.access = AccessRule::new(rule))
    }

    /// How body types that are not `From<Bytes>` are made again from the body that was read.
    /// [`BufferedBody`] has an example.
    pub fn rebuild_body<F, B>(self, rebuild: F) -> LogentriesVerifyLayer<K, F>
    where
        F: Fn(BufferedBody) -> B,
    {
        let Self { keys, settings, rebuild: _ } = self;
        LogentriesVerifyLayer { keys, settings, rebuild }
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<K, R: Clone> Clone for LogentriesVerifyLayer<K, R> {
    fn clone(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), settings: Arc::clone(&self.settings), rebuild: self.rebuild.clone() }
    }
}

impl<S, K, R: Clone> Layer<S> for LogentriesVerifyLayer<K, R> {
    type Service = LogentriesVerify<S, K, R>;

    fn layer(&self, inner: S) -> Self::Service {
        LogentriesVerify { inner, layer: self.clone() }
    }
}

/// Without the key store and the closure that rebuilds bodies, which need not be `Debug`.
impl<K, R> fmt::Debug for LogentriesVerifyLayer<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesVerifyLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
