//! The layer, which configures the server's side.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use tower_layer::Layer;

#[cfg(feature = "explain")]
use super::Explain;
use super::LogentriesVerify;
use super::verifier::Verifier;
use crate::access::{AccessRule, mount_path};
use crate::body::DEFAULT_LIMIT;
use crate::clock::Clock;
use crate::{Access, BufferedBody, RebuildFromBytes};

/// Layer that authenticates requests with an API key or signature before they reach the inner service.
///
/// It wraps axum routers and any other tower service of [`http::Request`]s. A request that passes has an
/// [`Identity`](super::Identity) in its extensions, and so has its response. Any other is answered as described at
/// [`Reason`](super::Reason), and never reaches the inner service.
///
/// # Guarantees
///
/// 1. The syntax of the headers, the date, the key and its access are checked before any of the body is read. Then the body
///    is read up to the limit, the date is checked again, and the signature is compared in constant time.
/// 2. A request that two parsers could read differently is rejected: duplicate headers, dates in other formats, methods
///    of which one is a prefix of another, a trailing slash on a signed path, and for an API key a path with empty or
///    dot segments, needless encoding, or (unless a [rule](Self::access) names it) other characters than visible ASCII.
/// 3. An unknown key id and an invalid signature get the same response, which never says what differs, unless
///    [`explain_rejections`](Self::explain_rejections) is set.
/// 4. If keys cannot be looked up, the response is 503. The request never passes.
/// 5. The handler receives exactly the bytes that were sent, in the inner service's own body type.
/// 6. With feature `drain`, which `axum` enables, a client that is rejected while it sends a body of up to 64 KiB sees
///    the response. `drain_rejected` raises that.
///
/// # Which path counts
///
/// The layer checks form, access and signature on one whole path. The table of [`Access::documented`] and a
/// [rule](Self::access) see it without its mount, and an owner's resource is recognized at every segment of it.
///
/// | where the layer is | setting | request arrives as | what is signed | what table and rule see |
/// |---|---|---|---|---|
/// | around the router | none | `/management/logs` | `management/logs` | `/management/logs` |
/// | around a router that nests at `/api` | `mounted_at("/api")` | `/api/management/logs` | `api/management/logs` | `/management/logs` |
/// | inside `nest("/api", ..)` of axum | `mounted_at("/api")` | `/api/management/logs` | `api/management/logs` | `/management/logs` |
/// | inside `nest("/{account}", ..)` of axum | `mounted_at("/{account}")` | `/acme/management/logs` | `acme/management/logs` | `/management/logs` |
/// | behind a proxy that takes `/api` off | `stripped_prefix("/api")` | `/management/logs` | `api/management/logs` | `/management/logs` |
/// | the same, with versions | `stripped_prefix("/api")`, `mounted_at("/api/v1")` | `/v1/management/logs` | `api/v1/management/logs` | `/management/logs` |
///
/// Without the setting, the table does not recognize the path, and a resource for which a read-only key suffices
/// requires a read/write key. The prefix `/log_search` needs no setting: the table ignores it, but a rule sees it.
///
/// See [`guide::security`](crate::guide::security) for what the scheme does not protect, such as replays.
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
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct LogentriesVerifyLayer<K, R = RebuildFromBytes> {
    keys: K,
    verifier: Arc<Verifier>,
    rebuild: R,
}

impl<K> LogentriesVerifyLayer<K> {
    /// Creates a layer that looks keys up in this store, such as [`Credentials`](crate::Credentials).
    pub fn new(keys: K) -> Self {
        let verifier = Verifier {
            body_limit: DEFAULT_LIMIT,
            // Without a timer, a client that stops sending would never be answered.
            drain_limit: if cfg!(feature = "drain") { 64 * 1024 } else { 0 },
            // Short, so that an outer timeout does not hide the rejection.
            drain_timeout: Duration::from_millis(500),
            date_tolerance: Duration::from_secs(5 * 60),
            upload_duration: Duration::from_secs(15 * 60),
            access: AccessRule::default(),
            stripped_prefix: "".into(),
            #[cfg(feature = "explain")]
            explain: None,
            clock: Clock::default(),
        };
        Self { keys, verifier: Arc::new(verifier), rebuild: RebuildFromBytes }
    }
}

impl<K, R> LogentriesVerifyLayer<K, R> {
    /// Sets how many bytes of a signed body are buffered. Defaults to 16 MiB. A longer one is answered with 413.
    ///
    /// The bodies of requests with an API key are neither read nor limited.
    ///
    /// ```
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// let layer = LogentriesVerifyLayer::new(keys).body_limit(64 * 1024);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn body_limit(self, bytes: usize) -> Self {
        self.with(|verifier| verifier.body_limit = bytes)
    }

    /// Sets how many bytes of the body of a rejected HTTP/1 request are read and dropped before it is answered, so that
    /// the response arrives. Defaults to 64 KiB; 0 disables it.
    ///
    /// hyper closes a connection whose request was not read to its end. A client that is still sending then sees
    /// "connection reset" or "broken pipe" instead of the response. If the body ends within the limit, the client sees
    /// the response, and the connection can be used again: with a limit as high as the longest body that clients send,
    /// no response is lost. A body whose `Content-Length` exceeds the limit is not read at all. What is read is not
    /// kept.
    ///
    /// Over HTTP/2 the response arrives in any case, and nothing is read. The same is true of a client that sends
    /// `Expect: 100-continue` and waits.
    ///
    /// Feature `drain`, which feature `axum` enables, uses tokio's timer. Outside a tokio runtime, reading stops where
    /// it would have to wait.
    ///
    /// # Panics
    ///
    /// In a tokio runtime that was built without `enable_time`, the response future panics when it has to wait for the
    /// rest of a rejected body.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// // For uploads of up to 50 MB, over connections of 10 Mbit/s and more.
    /// let layer =
    ///     LogentriesVerifyLayer::new(keys).drain_rejected(50_000_000).drain_timeout(Duration::from_secs(40));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    #[cfg(feature = "drain")]
    pub fn drain_rejected(self, bytes: usize) -> Self {
        self.with(|verifier| verifier.drain_limit = bytes)
    }

    /// Sets the longest time for which the body of a rejected request is read before the request is answered. Defaults
    /// to 500 ms, so that an outer timeout does not hide the rejection.
    ///
    /// A client that sends slowly, or not at all, is answered that much later. The layer gives up the inner service's
    /// readiness before that.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// let layer = LogentriesVerifyLayer::new(keys).drain_timeout(Duration::from_secs(2));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    #[cfg(feature = "drain")]
    pub fn drain_timeout(self, timeout: Duration) -> Self {
        self.with(|verifier| verifier.drain_timeout = timeout)
    }

    /// Sets how far the Date of a signed request may be from this layer's clock when its head arrives, in either
    /// direction and in whole seconds. Defaults to 5 minutes.
    ///
    /// A captured request can be replayed for up to twice this duration, and be completed for
    /// [`upload_duration`](Self::upload_duration) more.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// let layer = LogentriesVerifyLayer::new(keys).date_tolerance(Duration::from_secs(60));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn date_tolerance(self, tolerance: Duration) -> Self {
        self.with(|verifier| verifier.date_tolerance = tolerance)
    }

    /// Sets how much longer than [`date_tolerance`](Self::date_tolerance) the body of a signed request may take, in
    /// whole seconds. Defaults to 15 minutes.
    ///
    /// The date is checked when the head of a request arrives, and again when its body is complete: then the Date may
    /// be older by this much. Otherwise, an attacker who captured a request could send all but its last byte, and
    /// complete it at any later time. A request that is complete too late is answered with 401, as
    /// [`Reason::UploadTooSlow`](super::Reason::UploadTooSlow).
    ///
    /// With both defaults, a request dated by a correct clock may take 20 minutes, and a
    /// [`ReplayGuard`](crate::replay::ReplayGuard) remembers signatures for that long. This does not end a body that
    /// stalls: use an outer [`Timeout`](https://docs.rs/tower/0.5/tower/timeout/struct.Timeout.html) layer.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// // If bodies are short, this shortens the time in which a request can be replayed.
    /// let layer = LogentriesVerifyLayer::new(keys).upload_duration(Duration::from_secs(30));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn upload_duration(self, duration: Duration) -> Self {
        self.with(|verifier| verifier.upload_duration = duration)
    }

    /// Sets the clock that dates are compared with. Defaults to [`SystemTime::now`].
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::read_only("ro-key")?;
    /// // A test with a recorded request needs the clock of its recording.
    /// let layer =
    ///     LogentriesVerifyLayer::new(keys).clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_503_000_984));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.with(|verifier| verifier.clock = Clock::new(clock))
    }

    /// Adds a prefix that the API's resources are mounted at, such as `/api`. See the [table](Self#which-path-counts).
    ///
    /// The prefix matches by whole segments and with its letter case, and the longest that matches counts. A segment in
    /// braces stands for any segment, even for one that your router reads differently: with `/{account}`, a rule sees
    /// `/billing/reports` as `/reports`. So route nothing else beside such a mount. An owner's resource requires the
    /// owner's signature under any prefix, set or not. Give the clients' layers the same mounts, so that they send the
    /// least-privileged key that suffices.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    ///
    /// # let keys = Credentials::read_only("ro-key")?;
    /// let layer = LogentriesVerifyLayer::new(keys).mounted_at("/v1").mounted_at("/v2");
    /// let api: Router = Router::new().route("/management/logs", get(|| async { "[]" }));
    /// let app: Router = Router::new().nest("/v1", api.clone()).nest("/v2", api).layer(layer);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn mounted_at(self, prefix: &str) -> Self {
        self.with(|verifier| verifier.access.add_mount(prefix))
    }

    /// Sets the prefix that a proxy takes off the path of every request, such as `/api`. It is put back before the path is
    /// judged, because the clients sign it. It also counts as a [mount](Self::mounted_at).
    ///
    /// A signed request that reaches the service directly, or with the prefix, is then rejected. One with an API key cannot
    /// be told apart, and gets what its key allows. The prefix is never taken from a header.
    /// [`guide::behind_a_proxy`](crate::guide::behind_a_proxy) has the configuration of common proxies.
    ///
    /// ```
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// # let keys = Credentials::owner("key-id", "owner-key")?;
    /// // Clients sign `/api/management/accounts/7`, and `/management/accounts/7` arrives.
    /// let layer = LogentriesVerifyLayer::new(keys).stripped_prefix("/api");
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn stripped_prefix(self, prefix: &str) -> Self {
        self.with(|verifier| {
            verifier.access.add_mount(prefix);
            verifier.stripped_prefix = mount_path(prefix);
        })
    }

    /// Sets which access a resource requires of an API key, on top of the table of [`Access::documented`].
    ///
    /// `rule` receives the method and the whole path without its query and its [mount](Self::mounted_at). It is asked once,
    /// before an API key is looked up, and not for a signature. Give the clients' layers the same rule. Return `None` for what you do not name, so that the table is asked. A rule that answers `Some` for every
    /// path switches off the search for owners' resources. An API key never grants [`Access::Owner`], and a signature always
    /// suffices.
    ///
    /// Compare paths as your router reads them: with and without a trailing slash, in any letter case if it ignores
    /// case, and decoded if your handlers decode. Characters such as `@`, `:` and `[` may arrive as they are or
    /// encoded, in either case (`%5b`, `%5B`). A path that the rule does not recognize gets the table's answer, which
    /// for a path of your own is read/write. So does a resource that is also routed below a prefix that is not a mount,
    /// even if the layer is inside that `nest`.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::{Access, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer};
    ///
    /// fn rule(method: &Method, path: &str) -> Option<Access> {
    ///     match (method, path) {
    ///         (&Method::GET | &Method::HEAD, "/reports") => Some(Access::ReadOnly), // axum's `get` serves both
    ///         (_, path) if path == "/billing" || path.starts_with("/billing/") => Some(Access::Owner),
    ///         _ => None,
    ///     }
    /// }
    ///
    /// let keys = Credentials::owner("key-id", "owner-key")?.with_read_only("ro-key")?;
    /// let server = LogentriesVerifyLayer::new(keys.clone()).mounted_at("/v1").access(rule);
    /// let client = LogentriesAuthLayer::new(keys).mounted_at("/v1").access(rule);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn access(self, rule: impl Fn(&Method, &str) -> Option<Access> + Send + Sync + 'static) -> Self {
        self.with(|verifier| verifier.access.set_rule(rule))
    }

    /// Has the layer search for the mistakes of clients whose signatures are invalid. By default it does not.
    ///
    /// With [`Explain::Log`], the event has the codes of the mistakes, beside the canonical string that it always has.
    /// The search runs only if somebody listens to the event. With [`Explain::Response`], the client learns both as
    /// well:
    ///
    /// ```text
    /// {"errorCode":"unauthorized","message":"the key is unknown or the signature is invalid",
    ///  "canonicalString":"GETapplication/json...","mistakes":["path-leading-slash"]}
    /// ```
    ///
    /// The response is meant for stand-ins and test servers. The canonical string contains only what came with the request, and
    /// only signatures made with the right key are [explained](crate::explain), so strangers learn nothing about a key. But it
    /// reveals whether a key id is known. Each invalid signature costs up to 512 KiB more to hash.
    ///
    /// ```
    /// # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
    /// use tower_logentries_auth::server::Explain;
    ///
    /// # let keys = Credentials::owner("key-id", "owner-key")?;
    /// let layer = LogentriesVerifyLayer::new(keys).explain_rejections(Explain::Log);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    #[cfg(feature = "explain")]
    pub fn explain_rejections(self, explain: Explain) -> Self {
        self.with(|verifier| verifier.explain = Some(explain))
    }

    /// Sets how a body that is not `From<Bytes>` is rebuilt after it was read.
    ///
    /// hyper's [`Incoming`](https://docs.rs/hyper/1/hyper/body/struct.Incoming.html) cannot be rebuilt at all: map it
    /// to another type in an outer layer.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::combinators::BoxBody;
    /// use tower::{BoxError, ServiceBuilder, ServiceExt};
    /// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesVerifyLayer};
    ///
    /// # async fn run(keys: Credentials, request: Request<BoxBody<Bytes, BoxError>>) -> Result<(), Infallible> {
    /// let service = ServiceBuilder::new()
    ///     .layer(LogentriesVerifyLayer::new(keys).rebuild_body(BufferedBody::boxed))
    ///     .service_fn(async |_: Request<BoxBody<Bytes, BoxError>>| Ok::<_, Infallible>(Response::new(())));
    /// let response = service.oneshot(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebuild_body<F: Fn(BufferedBody) -> B, B>(self, rebuild: F) -> LogentriesVerifyLayer<K, F> {
        let Self { keys, verifier, rebuild: _ } = self;
        LogentriesVerifyLayer { keys, verifier, rebuild }
    }

    fn with(mut self, change: impl FnOnce(&mut Verifier)) -> Self {
        change(Arc::make_mut(&mut self.verifier));
        self
    }
}

impl<S, K: Clone, R: Clone> Layer<S> for LogentriesVerifyLayer<K, R> {
    type Service = LogentriesVerify<S, K, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { keys, verifier, rebuild } = self.clone();
        LogentriesVerify { inner, keys, verifier, rebuild }
    }
}

crate::text::opaque_debug!(LogentriesVerifyLayer<K, R>);
