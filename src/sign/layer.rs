//! The layer, which configures the client's side.

use std::{fmt, sync::Arc, time::SystemTime};

use http::{HeaderValue, Method};
use tower::Layer;

use super::{InvalidOrigin, LogentriesAuth, signer::Signer, skew::OriginClocks};
use crate::{
    Access, BufferedBody, Credentials, CredentialsHandle, RebuildFromBytes, access::AccessRule, body::DEFAULT_LIMIT,
    clock::Clock, origin::Origin,
};

/// Layer that authenticates requests to the Logentries REST API.
///
/// It wraps any HTTP client that is a tower service. The [crate's page](crate) has an example, and shows where in a
/// stack the layer belongs. Clones are cheap: they share the credentials and the clock offsets, and each keeps its own
/// configuration.
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct LogentriesAuthLayer<R = RebuildFromBytes> {
    pub(super) signer: Arc<Signer>,
    pub(super) rebuild: R,
}

/// What happens to a request for an origin that is not trusted with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum UntrustedOrigins {
    /// The request fails with [`AuthError::UntrustedOrigin`](super::AuthError::UntrustedOrigin) or
    /// [`AuthError::InvalidAuthority`](super::AuthError::InvalidAuthority).
    #[default]
    Reject,
    /// The request is sent without credentials: `x-api-key` and `authorization-api-key` are removed from it. Use this
    /// for clients that also talk to other hosts, and for stacks that follow redirects outside this layer.
    StripCredentials,
}

impl LogentriesAuthLayer {
    /// Creates a layer that sends these credentials to Rapid7's hosts, and to no other:
    ///
    /// - `https://rest.logentries.com`
    /// - `https://{region}.rest.logs.insight.rapid7.com`
    /// - `https://{region}.api.insight.rapid7.com`
    ///
    /// [`trust_origin`](Self::trust_origin) adds others.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let credentials = Credentials::owner("key-id", "owner-key")?.with_read_only("read-only-key")?;
    /// let layer = LogentriesAuthLayer::new(credentials);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn new(credentials: Credentials) -> Self {
        let signer = Signer {
            credentials: CredentialsHandle::new(credentials),
            origin_clocks: OriginClocks::default(),
            body_limit: DEFAULT_LIMIT,
            trusted_origins: Vec::new(),
            untrusted_origins: UntrustedOrigins::Reject,
            assumed_origin: None,
            access: AccessRule::default(),
            default_content_type: Some(HeaderValue::from_static("application/json").into()),
            corrects_clock_skew: true,
            has_nonce: false,
        };
        Self { signer: Arc::new(signer), rebuild: RebuildFromBytes }
    }
}

impl<R> LogentriesAuthLayer<R> {
    /// Sets how many bytes of a body are buffered to be signed. Defaults to 16 MiB.
    ///
    /// Requests with an API key or a [`BodyDigest`](crate::BodyDigest) are not buffered, so they have no limit.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).body_limit(64 * 1024 * 1024);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn body_limit(self, bytes: usize) -> Self {
        self.with(|signer| signer.body_limit = bytes)
    }

    /// Adds an origin that credentials may be sent to: a scheme, a host, and a port unless it is the default.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an origin, or is one of Rapid7's hosts over `http://`.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::read_only("read-only-key")?)
    ///     .trust_origin("http://127.0.0.1:8080")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        let origin = Origin::parse_trusted(origin)?;
        Ok(self.with(|signer| signer.trusted_origins.push(origin)))
    }

    /// Sets the origin for requests whose URI has no authority, such as those sent on a
    /// [`hyper::client::conn`](https://docs.rs/hyper/1/hyper/client/conn/) connection. By default they are an error.
    ///
    /// The origin must be trusted like any other.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an origin.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::read_only("read-only-key")?)
    ///     .assume_origin("https://rest.logentries.com")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assume_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        let origin = Origin::parse(origin)?;
        Ok(self.with(|signer| signer.assumed_origin = Some(origin)))
    }

    /// Sets what happens to requests for any other origin. Defaults to [`UntrustedOrigins::Reject`].
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer, sign::UntrustedOrigins};
    ///
    /// // A client that also talks to other hosts: those get no credentials.
    /// let layer = LogentriesAuthLayer::new(Credentials::read_only("read-only-key")?)
    ///     .untrusted_origins(UntrustedOrigins::StripCredentials);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn untrusted_origins(self, untrusted_origins: UntrustedOrigins) -> Self {
        self.with(|signer| signer.untrusted_origins = untrusted_origins)
    }

    /// Replaces the table of [`Access::required_for`]. `rule` receives the method and the path without its query.
    ///
    /// An [`Access`] in the extensions of a request overrides both.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).access(
    ///     |method: &Method, path: &str| match path.strip_prefix("/v2") {
    ///         Some(path) => Access::required_for(method, path),
    ///         None => Access::Owner,
    ///     },
    /// );
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn access(self, rule: impl Fn(&Method, &str) -> Access + Send + Sync + 'static) -> Self {
        self.with(|signer| signer.access.replace_table(rule))
    }

    /// Sets the Content-Type of signed requests that have none. Defaults to `application/json`, which every known
    /// client of the API sends and signs. With `None` such a request is signed and sent without one.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?)
    ///     .default_content_type(Some(HeaderValue::from_static("text/csv")));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn default_content_type(self, value: Option<HeaderValue>) -> Self {
        self.with(|signer| signer.default_content_type = value.map(Into::into))
    }

    /// Sets the clock that requests are dated by. Defaults to [`SystemTime::now`].
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// // A test that compares signatures needs a clock that stands still.
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?)
    ///     .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_503_000_984));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.with(|signer| {
            // Offsets that were measured against another clock mean nothing to this one.
            signer.origin_clocks = OriginClocks::new(Clock::new(clock));
        })
    }

    /// Sets whether to adopt the clock of a trusted server that rejects a signed request for its date. Defaults to
    /// `true`. See [`ClockSkewCorrected`](super::ClockSkewCorrected) for when that happens, and within which bounds.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// // Where the local clock is known to be right, a server with a wrong clock should be noticed.
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).correct_clock_skew(false);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn correct_clock_skew(self, enabled: bool) -> Self {
        self.with(|signer| signer.corrects_clock_skew = enabled)
    }

    /// Sets whether each signed request with an unsafe method gets a signature of its own. Defaults to `false`.
    ///
    /// The scheme has no nonce: two equal requests in the same second have the same signature, and a server that
    /// [rejects replays](crate::replay::RejectReplaysLayer) rejects the second, even if it is a legitimate duplicate,
    /// or the retry of a request that was never answered. If `true`, the Content-Type that is sent and signed gets a
    /// random parameter, as in `application/json; nonce=5be0cd19137e2179`. If a request has no Content-Type because
    /// [`default_content_type`](Self::default_content_type) is `None`, it is sent with `application/octet-stream` and
    /// the parameter.
    ///
    /// This is meant for services of your own. It is not known whether Rapid7's services accept the parameter; a server
    /// that compares the whole Content-Type, rather than its media type, does not. `GET`, `HEAD` and `OPTIONS` requests
    /// and requests with an API key are not changed. On `wasm32-unknown-unknown`, whose standard library has no source
    /// of randomness, nonces repeat from one run to the next.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?)
    ///     .trust_origin("https://api.example.com")?
    ///     .distinct_signatures(true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn distinct_signatures(self, enabled: bool) -> Self {
        self.with(|signer| signer.has_nonce = enabled)
    }

    /// Sets how a body that is not `From<Bytes>` is rebuilt after it was read. See [`BufferedBody`] for an example.
    ///
    /// The type of a layer with a closure cannot be named, for instance in a struct's field. With a function pointer it
    /// can:
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use http_body_util::{BodyExt, combinators::BoxBody};
    /// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuthLayer};
    ///
    /// struct Api {
    ///     layer: LogentriesAuthLayer<fn(BufferedBody) -> BoxBody<Bytes, Infallible>>,
    /// }
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?);
    /// let api = Api { layer: layer.rebuild_body(BufferedBody::boxed as fn(_) -> _) };
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn rebuild_body<F, B>(self, rebuild: F) -> LogentriesAuthLayer<F>
    where
        F: Fn(BufferedBody) -> B,
    {
        LogentriesAuthLayer { signer: self.signer, rebuild }
    }

    /// Returns a handle that replaces the credentials of every clone and service of this layer at once.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?);
    /// let handle = layer.credentials_handle();
    /// handle.replace(Credentials::owner("key-id", "next-owner-key")?); // requests in flight keep theirs
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn credentials_handle(&self) -> CredentialsHandle {
        self.signer.credentials.clone()
    }

    /// Returns by how many seconds the clock of `origin` is ahead of this layer's, or 0 if it was never corrected.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an origin.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?);
    /// assert_eq!(layer.clock_offset_secs("https://rest.logentries.com")?, 0); // nothing was sent yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock_offset_secs(&self, origin: &str) -> Result<i64, InvalidOrigin> {
        self.signer.clock_offset_secs(origin)
    }

    fn with(mut self, change: impl FnOnce(&mut Signer)) -> Self {
        change(Arc::make_mut(&mut self.signer));
        self
    }
}

impl<S, R: Clone> Layer<S> for LogentriesAuthLayer<R> {
    type Service = LogentriesAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        LogentriesAuth { inner, signer: Arc::clone(&self.signer), rebuild: self.rebuild.clone() }
    }
}

/// Without the closure that rebuilds bodies, which need not be `Debug`.
impl<R> fmt::Debug for LogentriesAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuthLayer").field("signer", &self.signer).finish_non_exhaustive()
    }
}
