//! Authentication for the [Logentries REST API] (InsightOps) as [tower] middleware, for your existing HTTP client or
//! server. [`LogentriesAuthLayer`] is for programs that call the API: it sends each request with the least-privileged
//! key that suffices, and signs it if the resource requires the owner's signature. [`LogentriesVerifyLayer`] is for
//! services that accept the same keys, and for stand-ins for the API in tests.
//!
//! # Client
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, ServiceBuilder, ServiceExt};
//! use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let https = hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots().https_only().enable_http1().build();
//! let client = ServiceBuilder::new()
//!     .layer(LogentriesAuthLayer::new(Credentials::from_env()?))
//!     .service(Client::builder(TokioExecutor::new()).build(https)); // or reqwest, or any other tower service
//!
//! let request = Request::get("https://rest.logentries.com/management/logs").body(Full::<Bytes>::default())?;
//! let response = client.oneshot(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The layer guarantees [what it sends, and where](LogentriesAuthLayer#guarantees). Body types that are not `From<Bytes>`, such
//! as `BoxBody`, need [one setter](LogentriesAuthLayer::rebuild_body). Clients that are not tower services call
//! [`authenticate`](LogentriesAuthLayer::authenticate).
//!
//! # Server
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_logentries_auth::{Credentials, Identity, LogentriesVerifyLayer};
//!
//! async fn logs(identity: Identity) -> String {
//!     format!("{} access", identity.access)
//! }
//!
//! let keys = Credentials::owner("key-id", "owner-key")?.with_read_only("read-only-key")?;
//! let app: Router = Router::new().route("/management/logs", get(logs)).layer(LogentriesVerifyLayer::new(keys));
//! # Ok::<(), tower_logentries_auth::CredentialsError>(())
//! ```
//!
//! A request that does not pass is answered before it reaches the router, with the typed [`Rejection`] in the response's
//! extensions. [`RejectReplaysLayer`] lets each signed request pass once. A [`CredentialsHandle`] rotates the keys of both
//! sides, and [`server::KeyStore`] is for keys that are elsewhere.
//!
//! # Which key is used
//!
//! | resource | required access | sent as |
//! |---|---|---|
//! | reading logs, log sets and the like; log queries | [`ReadOnly`](Access::ReadOnly) | `x-api-key` |
//! | accounts, their users and owners; changes to their API keys | [`Owner`](Access::Owner) | `Date` and `authorization-api-key`, a signature |
//! | everything else | [`ReadWrite`](Access::ReadWrite) | `x-api-key` |
//!
//! [`Access::documented`] has the full table with its sources. For resources of your own, set a rule with
//! [`access`](LogentriesAuthLayer::access) on both layers, or add an [`Access`] to the extensions of a request.
//! [`Credentials`] says which customer holds which keys, and to which hosts they are sent.
//!
//! # Where the layers go
//!
//! ```text
//! client                                      server
//!   Timeout                                     SensitiveHeaders
//!   FollowRedirect   each hop is signed         Trace
//!   Retry            each attempt is signed     MapResponse        logs and counts
//!   limits, Buffer                              Cors, Timeout, BodyLimit
//!   LogentriesAuth   signs                      LogentriesVerify   verifies
//!   Trace            sees what is sent          RejectReplays
//!   client           follows no redirects       router
//! ```
//!
//! [`guide::stacks`] has both in one `ServiceBuilder`, and says why. A signed request on its way:
//!
#![doc = include_str!("guide/signed_request.svg")]
//!
//! # Feature flags
//!
//! All features are disabled by default.
//!
//! | feature | description |
//! |---|---|
//! | `reqwest` (0.13) | Supports [`reqwest::Client`][client] and [`ClientWithMiddleware`][with-middleware] as inner services |
//! | `reqwest-middleware` (0.5) | Adds [`LogentriesAuthMiddleware`], for [`ClientBuilder::with`][with] |
//! | `retry` | Adds [`LogentriesRetryPolicy`], for tower's [`RetryLayer`][retry], and with `reqwest-middleware` also [`LogentriesRetryMiddleware`] |
//! | `axum` (0.8) | Makes [`Identity`] an extractor; has signatures under [`Router::nest`][nest] cover the original path; enables `drain` |
//! | `drain` | Has [`LogentriesVerifyLayer`] read on after a rejection, so that HTTP/1 clients see the response |
//! | `cache` | Adds [`server::CachedKeyStore`], which caches the answers of a key store |
//! | `explain` | Adds the module [`explain`], which finds the mistakes behind an invalid signature; in the log with `tracing` |
//! | `tracing` | Emits an [event](guide::troubleshooting#events) for each request, rejection, retry and clock correction |
//!
//! # Guides
//!
//! | page | for |
//! |---|---|
//! | [signing](guide::signing) | the scheme, a worked example, `curl`, Python and Node.js |
//! | [stacks](guide::stacks) | the order of layers, redirects, retries, reqwest, hyper servers |
//! | [many accounts](guide::many_accounts) | one client for fifty accounts |
//! | [keys from files](guide::keys_from_files) | Kubernetes secrets, vaults, rotation |
//! | [other clients](guide::other_clients) | `ureq`, `reqwest` 0.12 and the like |
//! | [behind a proxy](guide::behind_a_proxy) | a prefix that nginx, Caddy or Traefik takes off |
//! | [key stores](guide::key_stores) | keys in a database |
//! | [replays](guide::replays) | replicas, Redis, nonces |
//! | [security](guide::security) | what an attacker can and cannot do |
//! | [troubleshooting](guide::troubleshooting) | errors, statuses, log lines, compiler messages |
//! | [migrating](guide::migrating) | from code that signs by hand |
//! | testing | [a client](guide::migrating#a-test-of-your-client), [both sides](guide::troubleshooting#testing-without-a-socket) without a network |
//!
//! # Performance
//!
//! How long a request takes with this crate, with other crates (whose schemes differ and do more), and with the scheme
//! written by hand:
//!
#![doc = include_str!("guide/peers.svg")]
//!
//! [client]: https://docs.rs/reqwest/0.13/reqwest/struct.Client.html
//! [nest]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest
//! [retry]: https://docs.rs/tower/0.5/tower/retry/struct.RetryLayer.html
//! [with]: https://docs.rs/reqwest-middleware/0.5/reqwest_middleware/struct.ClientBuilder.html#method.with
//! [with-middleware]: https://docs.rs/reqwest-middleware/0.5/reqwest_middleware/struct.ClientWithMiddleware.html
//! [Logentries REST API]: https://docs.rapid7.com/insightops/rest-api-overview/
//! [tower]: https://docs.rs/tower
#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
mod body;
pub mod client;
mod clock;
mod credentials;
#[cfg(feature = "explain")]
pub mod explain;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod replay;
#[cfg(feature = "retry")]
pub mod retry;
mod scheme;
pub mod server;
mod text;
mod trace;

pub use self::access::Access;
pub use self::body::{BufferedBody, RebuildBody, RebuildFromBytes};
#[cfg(feature = "reqwest-middleware")]
pub use self::client::LogentriesAuthMiddleware;
pub use self::client::{AuthError, LogentriesAuth, LogentriesAuthLayer};
pub use self::credentials::{ApiKeyDigest, Credentials, CredentialsError, CredentialsHandle, OwnerKey};
pub use self::replay::RejectReplaysLayer;
#[cfg(all(feature = "retry", feature = "reqwest-middleware"))]
pub use self::retry::LogentriesRetryMiddleware;
#[cfg(feature = "retry")]
pub use self::retry::LogentriesRetryPolicy;
pub use self::scheme::{AUTHORIZATION_API_KEY, BodyDigest, CanonicalRequest, Signature, X_API_KEY};
pub use self::server::{Identity, KeyStore, LogentriesVerify, LogentriesVerifyLayer, Rejection};
pub use self::text::InvalidText;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(all(doctest, feature = "reqwest-middleware"))]
#[doc = include_str!("../README.md")]
struct Readme;
