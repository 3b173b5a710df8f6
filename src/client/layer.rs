//! The layer, which configures the client's side.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method, Request};
use tower_layer::Layer;

use super::origin::Origin;
use super::signer::Signer;
use super::skew::OriginClocks;
use super::{AuthError, BodyBytes, InvalidOrigin, LogentriesAuth};
use crate::access::AccessRule;
use crate::body::DEFAULT_LIMIT;
use crate::clock::Clock;
use crate::{Access, BufferedBody, CredentialsHandle, RebuildFromBytes};

/// Layer that authenticates requests to the Logentries REST API.
///
/// It wraps any HTTP client that is a tower service, and [`authenticate`](Self::authenticate) serves every other. The
/// [crate's page](crate) has an example, and shows where in a stack the layer belongs. Clones are cheap: they share the
/// credentials and the clock offsets, and each keeps its own configuration.
///
/// # Guarantees
///
/// 1. A request is sent with the least-privileged configured key that suffices for its resource, or it fails before
///    anything is sent. The owner key itself is never sent.
/// 2. Credentials are sent only to trusted origins: Rapid7's hosts over https, and those added with
///    [`trust_origin`](Self::trust_origin).
/// 3. The signature covers what is sent: the exact bytes of the path, the Content-Type, the Date and the body. Existing
///    credential and `Date` headers are replaced. A signed request without a Content-Type is sent with
///    [`application/json`](Self::default_content_type), and a trailing slash is removed from its path, because the signature
///    does not cover one.
/// 4. A body is buffered only if it must be. Requests with an API key stream, and so do signed requests that carry a
///    [`BodyDigest`](crate::BodyDigest). Any other signed body is buffered, up to [`body_limit`](Self::body_limit), and its
///    framing headers are reset. A signed `POST`, `PUT` or `PATCH` without a body has `content-length: 0`.
/// 5. The layer never silently drops data: a body that errors, ends early, or has trailers its type cannot carry is an
///    error.
/// 6. The body type, the readiness and the response are those of the inner service.
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
    /// Creates a layer that sends these credentials to Rapid7's hosts over https, as the table of
    /// [`Credentials`](crate::Credentials) lists them, and to no other. [`trust_origin`](Self::trust_origin) adds others.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let credentials = Credentials::owner("key-id", "owner-key")?.with_read_only("read-only-key")?;
    /// let layer = LogentriesAuthLayer::new(credentials);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn new(credentials: impl Into<CredentialsHandle>) -> Self {
        let signer = Signer {
            credentials: credentials.into(),
            clocks: OriginClocks::new(Clock::default()),
            corrects_clock_skew: true,
            body_limit: DEFAULT_LIMIT,
            trusted_origins: Vec::new(),
            untrusted_origins: UntrustedOrigins::Reject,
            assumed_origin: None,
            access: AccessRule::default(),
            default_content_type: Some(HeaderValue::from_static("application/json")),
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
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer, client::UntrustedOrigins};
    ///
    /// // A client that also talks to other hosts: those get no credentials.
    /// let layer = LogentriesAuthLayer::new(Credentials::read_only("read-only-key")?)
    ///     .untrusted_origins(UntrustedOrigins::StripCredentials);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn untrusted_origins(self, untrusted_origins: UntrustedOrigins) -> Self {
        self.with(|signer| signer.untrusted_origins = untrusted_origins)
    }

    /// Sets which access a resource requires, on top of the table of [`Access::documented`].
    ///
    /// `rule` receives the method and the path without its query and its [mount](Self::mounted_at). Return `None` for what
    /// you do not name, so that the table is asked. A rule that answers `Some` for every path switches off the search for
    /// owners' resources. An [`Access`] in the extensions of a request overrides both.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?)
    ///     .access(|_: &Method, path: &str| path.starts_with("/billing/").then_some(Access::Owner));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn access(self, rule: impl Fn(&Method, &str) -> Option<Access> + Send + Sync + 'static) -> Self {
        self.with(|signer| signer.access.set_rule(rule))
    }

    /// Adds a prefix that the API's resources are mounted at on a server of your own. Set the same prefix on the
    /// server's verifying layer.
    ///
    /// The prefix matches by whole segments, and the longest that matches counts. A segment in braces, as in
    /// `/{account}/api`, stands for any segment. The layer still sends and signs the whole path, and recognizes an
    /// owner's resource under any prefix. Rapid7's own prefix `/log_search` needs no setting.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::read_only("read-only-key")?)
    ///     .trust_origin("https://logs.example.com")?
    ///     .mounted_at("/v1")
    ///     .mounted_at("/v2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mounted_at(self, prefix: &str) -> Self {
        self.with(|signer| signer.access.add_mount(prefix))
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
        self.with(|signer| signer.default_content_type = value)
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
            signer.clocks = OriginClocks::new(Clock::new(clock));
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

    /// Sets how a body that is not `From<Bytes>` is rebuilt after it was read.
    ///
    /// [`BufferedBody::boxed`] is enough for boxed bodies, with any error type:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Request;
    /// use http_body_util::combinators::BoxBody;
    /// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use tower::{BoxError, Layer, ServiceExt};
    /// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuthLayer};
    ///
    /// # async fn run(request: Request<BoxBody<Bytes, BoxError>>) -> Result<(), BoxError> {
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).rebuild_body(BufferedBody::boxed);
    /// let client = layer.layer(Client::builder(TokioExecutor::new()).build_http());
    /// let response = client.oneshot(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebuild_body<F: Fn(BufferedBody) -> B, B>(self, rebuild: F) -> LogentriesAuthLayer<F> {
        LogentriesAuthLayer { signer: self.signer, rebuild }
    }

    /// Returns the same layer with credentials of its own, for another account.
    ///
    /// The configuration is copied, and the clock offsets are shared: many accounts can have one client, one connection pool
    /// and one correction of the clock.
    ///
    /// ```
    /// use tower::Layer;
    /// use tower_logentries_auth::{Credentials, CredentialsHandle, LogentriesAuthLayer};
    ///
    /// # fn run(http_client: impl Clone) -> Result<(), tower_logentries_auth::CredentialsError> {
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("acme-id", "acme-key")?);
    /// let globex_keys = CredentialsHandle::new(Credentials::owner("globex-id", "globex-key")?);
    ///
    /// let acme = layer.layer(http_client.clone());
    /// let globex = layer.with_credentials(globex_keys.clone()).layer(http_client);
    /// globex_keys.replace(Credentials::owner("globex-id", "globex-next-key")?); // acme is not affected
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_credentials(&self, credentials: impl Into<CredentialsHandle>) -> Self
    where
        R: Clone,
    {
        self.clone().with(|signer| signer.credentials = credentials.into())
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

    /// Authenticates a request whose body is in memory, for clients that are not tower services: blocking
    /// ones, scripts, tests.
    ///
    /// Send the request once, unchanged, and to the origin that was checked. The client must not follow redirects: it
    /// would send the credentials along, and a signature is valid for one path only. The URI must be absolute, unless
    /// [`assume_origin`](Self::assume_origin) is set. The body is hashed whatever its size. No clock is corrected,
    /// because no response is seen.
    ///
    /// # Errors
    ///
    /// Returns an error under the same conditions as a request through a service of this layer.
    ///
    /// ```
    /// use http::Request;
    /// use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?);
    /// let request = Request::post("https://rest.logentries.com/management/accounts/7/users/9").body(())?;
    /// let request = layer.authenticate(request)?;
    /// assert_eq!(request.headers()["content-length"], "0");
    /// // With ureq, whose agent has `max_redirects(0)`: agent.run(request)?
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn authenticate<B: BodyBytes>(&self, request: Request<B>) -> Result<Request<B>, AuthError> {
        self.signer.authenticate(request)
    }

    /// Returns how many seconds the clock of `origin` is ahead of this layer's, or 0 if it was never corrected.
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
        Ok(self.signer.clocks.offset_secs(&Origin::parse(origin)?))
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

crate::text::opaque_debug!(LogentriesAuthLayer<R>);
