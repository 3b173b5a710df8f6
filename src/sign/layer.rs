//! The layer and its settings.

use std::{fmt, sync::Arc, time::SystemTime};

use http::{HeaderValue, Method};
use tower::Layer;

use super::LogentriesAuth;
use crate::{
    Access, BufferedBody, Credentials, CredentialsHandle, FromBytes, OriginError,
    access::AccessRule,
    body::DEFAULT_LIMIT,
    clock::{Clock, OriginClocks},
    origin::{Origin, OriginRef},
};

/// Authenticates every request to the Logentries REST API that goes through it.
///
/// It wraps any tower HTTP client service: the [crate's page](crate) has an example, and says where in a stack the layer
/// belongs. Clones are cheap; they share the credentials and the clock offsets, and each keeps its own settings.
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct LogentriesAuthLayer<R = FromBytes> {
    pub(crate) settings: Arc<Settings>,
    pub(super) rebuild: R,
}

/// What is set on a layer. Its clones share what is in a handle: the credentials and the clocks.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(super) credentials: CredentialsHandle,
    pub(super) clocks: OriginClocks,
    pub(super) body_limit: usize,
    pub(super) untrusted: Untrusted,
    pub(super) assumed: Option<Origin>,
    pub(super) access: AccessRule,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) clock: Clock,
    pub(super) corrects_clock: bool,
    trusted: Vec<Origin>,
}

impl Settings {
    pub(super) fn trusts(&self, origin: OriginRef<'_>) -> bool {
        origin.is_vendor() || self.trusted.iter().any(|trusted| trusted.as_ref() == origin)
    }
}

/// What becomes of a request to an origin that is not trusted with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Untrusted {
    /// It fails with [`AuthError::UntrustedOrigin`](crate::AuthError::UntrustedOrigin), or with
    /// [`UnclearOrigin`](crate::AuthError::UnclearOrigin).
    #[default]
    Refuse,
    /// It is sent without credentials: `x-api-key` and `authorization-api-key` are taken out of it. For a client that
    /// talks to other hosts too, or a layer that follows redirects outside this one.
    PassThrough,
}

impl LogentriesAuthLayer {
    /// A layer that sends these credentials to the vendor's hosts, over https alone.
    pub fn new(credentials: Credentials) -> Self {
        let settings = Settings {
            credentials: CredentialsHandle::new(credentials),
            clocks: OriginClocks::default(),
            body_limit: DEFAULT_LIMIT,
            untrusted: Untrusted::Refuse,
            assumed: None,
            access: AccessRule::default(),
            content_type: Some(HeaderValue::from_static("application/json")),
            clock: Clock::default(),
            corrects_clock: true,
            trusted: Vec::new(),
        };
        Self { settings: Arc::new(settings), rebuild: FromBytes }
    }
}

impl<R> LogentriesAuthLayer<R> {
    /// The most bytes of a body that are buffered to be signed, 16 MiB unless set.
    ///
    /// API-key requests are not buffered, nor are those with a [`BodyDigest`](crate::BodyDigest): they have no limit.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.set(|settings| settings.body_limit = bytes)
    }

    /// Trusts one more origin with credentials, such as `http://127.0.0.1:8080`: scheme, host and port.
    ///
    /// # Errors
    ///
    /// The text is not an origin.
    pub fn trust_origin(self, origin: &str) -> Result<Self, OriginError> {
        let origin = Origin::parse(origin)?;
        Ok(self.set(|settings| settings.trusted.push(origin)))
    }

    /// Says where the service below sends a request whose target has no authority, as a bare hyper connection takes
    /// them. Such a request is refused otherwise. The origin has to be trusted like any other.
    ///
    /// # Errors
    ///
    /// The text is not an origin.
    pub fn assume_origin(self, origin: &str) -> Result<Self, OriginError> {
        let origin = Origin::parse(origin)?;
        Ok(self.set(|settings| settings.assumed = Some(origin)))
    }

    /// What becomes of a request to any other origin: [`Untrusted::Refuse`] unless set.
    pub fn untrusted(self, untrusted: Untrusted) -> Self {
        self.set(|settings| settings.untrusted = untrusted)
    }

    /// Puts a rule in the place of the table of [`Access::required`]. It gets the method and the path without its query.
    ///
    /// An [`Access`] in the extensions of a request overrules either.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).access(
    ///     |method: &Method, path: &str| match path.strip_prefix("/v2") {
    ///         Some(path) => Access::required(method, path),
    ///         None => Access::Owner,
    ///     },
    /// );
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn access(self, rule: impl Fn(&Method, &str) -> Access + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.access = AccessRule::new(rule))
    }

    /// The Content-Type that a signed request gets where it has none, `application/json` unless set, as every known
    /// client of the API sends and signs it. With `None` the request is signed and sent without one.
    pub fn default_content_type(self, value: Option<HeaderValue>) -> Self {
        self.set(|settings| settings.content_type = value)
    }

    /// The clock that requests are dated by, the system's unless set.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.clock = Clock::new(clock))
    }

    /// Whether to take over the clock of a trusted server that refuses a signed request for its date, as it does unless
    /// told otherwise. [`ClockCorrected`](crate::ClockCorrected) says when that happens, and within which bounds.
    pub fn clock_correction(self, corrects: bool) -> Self {
        self.set(|settings| settings.corrects_clock = corrects)
    }

    /// How body types that are not `From<Bytes>` are made again from the body that was read.
    /// [`BufferedBody`] has an example.
    ///
    /// The type of a layer with a closure can't be named, as in a struct's field. With a function pointer it can:
    /// `.rebuild_body(rebuild as fn(BufferedBody) -> MyBody)` makes a `LogentriesAuthLayer<fn(BufferedBody) -> MyBody>`.
    pub fn rebuild_body<F, B>(self, rebuild: F) -> LogentriesAuthLayer<F>
    where
        F: Fn(BufferedBody) -> B,
    {
        LogentriesAuthLayer { settings: self.settings, rebuild }
    }

    /// The handle that replaces the credentials, for every clone and service of this layer at once.
    pub fn credentials(&self) -> CredentialsHandle {
        self.settings.credentials.clone()
    }

    /// By how many seconds the clock of `origin` was found ahead of this layer's; 0 where no correction was made.
    ///
    /// # Errors
    ///
    /// The text is not an origin.
    pub fn clock_offset(&self, origin: &str) -> Result<i64, OriginError> {
        Ok(self.settings.clocks.offset(&Origin::parse(origin)?))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, R: Clone> Layer<S> for LogentriesAuthLayer<R> {
    type Service = LogentriesAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        LogentriesAuth { inner, layer: self.clone() }
    }
}

/// Without the closure that rebuilds bodies, which need not be `Debug`.
impl<R> fmt::Debug for LogentriesAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuthLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
