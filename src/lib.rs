//! Authentication for the [Logentries REST API]: [tower] middleware that signs and verifies requests with your existing
//! HTTP client or server.
//!
//! The API expects an API key header for most resources, and a signature made with the owner key for Account and User
//! resources. [`LogentriesAuthLayer`] sends each request with the least-privileged key that suffices: it chooses the
//! key by the resource, buffers a body only if it must be signed, signs, and sets the headers.
//! [`LogentriesVerifyLayer`] is its server-side counterpart, for stand-ins for the API and for services that accept the
//! same keys, and [`RejectReplaysLayer`](replay::RejectReplaysLayer) lets each signed request pass once.
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, ServiceBuilder, ServiceExt};
//! use tower_logentries_auth::{Credentials, LogentriesAuthLayer, LogentriesVerifyLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let credentials = Credentials::owner("key-id", "owner-key")?.with_read_only("read-only-key")?;
//!
//! // A server that accepts the same credentials as the API.
//! let app = Router::new()
//!     .route("/management/accounts/{id}/users", get(|| async { "[]" }))
//!     .layer(LogentriesVerifyLayer::new(credentials.clone()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let origin = format!("http://{}", listener.local_addr()?);
//! tokio::spawn(async { axum::serve(listener, app).await });
//!
//! // Your existing client, wrapped in the layer. Rapid7's own hosts need no `trust_origin`.
//! let client = ServiceBuilder::new()
//!     .layer(LogentriesAuthLayer::new(credentials).trust_origin(&origin)?)
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Body>());
//!
//! let request = Request::get(format!("{origin}/management/accounts/7/users")).body(Body::empty())?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! A signed request on its way through both layers:
//!
#![doc = include_str!("guide/signed_request.svg")]
//!
//! # Client guarantees
//!
//! 1. A request is sent with the least-privileged configured key that suffices for its resource, or it fails before
//!    anything is sent. The owner key itself is never sent.
//! 2. Credentials are sent only to trusted origins. These are Rapid7's hosts, over https:
//!    - `https://rest.logentries.com`
//!    - `https://{region}.rest.logs.insight.rapid7.com`
//!    - `https://{region}.api.insight.rapid7.com`
//!
//!    and the origins that you add with [`trust_origin`](LogentriesAuthLayer::trust_origin).
//! 3. The signature covers what is sent: the exact bytes of the path, the Content-Type, the Date and the body. Existing
//!    credential and `Date` headers are replaced. If the body was buffered, `Content-Length` and `Transfer-Encoding`
//!    are reset too.
//! 4. A body is buffered only if it must be. Requests with an API key stream, and so do signed requests that carry a
//!    [`BodyDigest`]. Any other signed body is buffered, up to [`body_limit`](LogentriesAuthLayer::body_limit).
//! 5. The layer never silently drops data: a body that errors, ends early, or has trailers its type cannot carry is an
//!    error.
//! 6. The body type, the readiness and the response are those of the inner service.
//!
//! See [`LogentriesVerifyLayer`] for the server's guarantees.
//!
//! # Which customer holds which key
//!
//! | customer | keys | hosts |
//! |---|---|---|
//! | of Logentries | [owner](Credentials::owner), [read/write](Credentials::read_write) and [read-only](Credentials::read_only) keys | `https://rest.logentries.com` |
//! | migrated to InsightOps | the same, or a platform key | `https://{region}.rest.logs.insight.rapid7.com`; with a platform key also the host below |
//! | new, on the Insight platform | a [platform](Credentials::platform) key only: a user or an organization key | `https://{region}.api.insight.rapid7.com/log_search`, or the host above |
//!
//! See Rapid7's [overview of the API][Logentries REST API]. A platform key is sent as `x-api-key` wherever an API key
//! suffices. If a read/write key is configured too, each goes to its own kind of host. A platform key does not sign:
//! Account and User resources require an owner key.
//!
//! # Which key is used
//!
//! | resource | required access | header |
//! |---|---|---|
//! | reading logs, log sets and the like; log queries | [`ReadOnly`](Access::ReadOnly) | `x-api-key` |
//! | accounts themselves, their users and owners; changes to their API keys | [`Owner`](Access::Owner) | `Date`, `authorization-api-key` |
//! | everything else | [`ReadWrite`](Access::ReadWrite) | `x-api-key` |
//!
//! [`Access::documented`] has the full table. If the documentation does not settle which access a `GET` or `HEAD`
//! requires, it is sent with the strongest configured API key, and the server decides. If no configured API key
//! suffices, the request is signed with the owner key.
//!
//! To override the table, add an [`Access`] to the extensions of a request, or set a rule for the layer with
//! [`access`](LogentriesAuthLayer::access).
//!
//! # What is signed
//!
//! ```text
//! POST                                           method
//! application/json                               Content-Type, as sent
//! Thu, 17 Aug 2017 20:16:24 GMT                  Date, as sent
//! management/accounts/7/users                    path, without query and outer slashes
//! 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=   base64 of the SHA-256 of the body
//! ```
//!
//! The scheme is that of Rapid7's authentication guide, checked against their command line client. The parts are
//! concatenated without separators. The signature is the base64 of the HMAC-SHA1 of this string, keyed with the text of
//! the owner key (RFC 2104), and is sent as `authorization-api-key: key-id:signature`. [`CanonicalRequest`] prints the
//! string.
//!
#![doc = include_str!("guide/worked_example.md")]
//!
//! # Where the layer goes
//!
//! ```text
//! request ─▶ Timeout          covers all inner layers, including the buffering of a body
//!            FollowRedirect   each hop is signed for its own path, on trusted hosts
//!            Retry            each attempt gets its own date and signature
//!            Buffer, limits   inside the layer, a permit is held while a body is buffered
//!            LogentriesAuth   signs
//!            Trace            sees what is sent; credentials are marked sensitive
//! wire ◀──── client           must not follow redirects itself: that would leak the headers
//! ```
//!
//! Inner layers must not change the method, path, Content-Type, Date or body. Layers that compress bodies or set a
//! Content-Type must be outer layers.
//!
//! A retry or redirect layer clones requests, and a [`BoxBody`](http_body_util::combinators::BoxBody) cannot be cloned.
//! Use a body type that can in the outer layers, and convert it inside this crate's layer:
//!
//! ```
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::{BodyExt, Full, combinators::BoxBody};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, ServiceBuilder};
//! use tower_http::follow_redirect::FollowRedirectLayer;
//! use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
//!
//! # let credentials = Credentials::owner("key-id", "owner-key")?;
//! let existing_client = Client::builder(TokioExecutor::new()).build_http::<BoxBody<Bytes, BoxError>>();
//! let client = ServiceBuilder::new()
//!     .layer(FollowRedirectLayer::new()) // clones requests, whose bodies are `Full<Bytes>`
//!     .layer(LogentriesAuthLayer::new(credentials))
//!     .map_request(|request: Request<Full<Bytes>>| request.map(|body| body.map_err(BoxError::from).boxed()))
//!     .service(existing_client);
//! # Ok::<(), tower_logentries_auth::CredentialsError>(())
//! ```
//!
//! [`guide::client_types`] shows how to store such a stack in a struct. A [`BodySource`] is a streaming body that can be
//! cloned.
//!
//! # Caveats
//!
//! On the client:
//!
//! - While a body is buffered, the layer holds the readiness of the inner service: an inner
//!   [`ConcurrencyLimit`](https://docs.rs/tower/0.5/tower/limit/concurrency/struct.ConcurrencyLimit.html) counts a slow
//!   upload from its first byte.
//! - A body in several chunks is copied into one, because body types that are `From<Bytes>` require this. A
//!   [`rebuild_body`](LogentriesAuthLayer::rebuild_body) closure can keep chunks without copying, as [`BufferedBody`] says.
//! - By default, a reqwest client follows redirects and sends the credential headers along. Build it with
//!   [`redirect::Policy::none()`][no-redirects].
//! - A reqwest client adds its default headers after all layers have run. A default Content-Type is harmless, because
//!   every signed request already has one by then, unless
//!   [`default_content_type`](LogentriesAuthLayer::default_content_type) is `None`. A default `x-api-key` is not: it is
//!   sent alongside a signature, and to every host.
//! - reqwest does not expose request extensions. To set an `Access` or `BodyDigest` per request, use
//!   `LogentriesAuthMiddleware`. To choose the access by method and path, [`access`](LogentriesAuthLayer::access) also
//!   works.
//! - A timeout set on a reqwest client or request does not cover the buffering of a body to be signed. An outer
//!   [`Timeout`](https://docs.rs/tower/0.5/tower/timeout/struct.Timeout.html) does.
//! - A signed request without a Content-Type is sent with `application/json`, even a `GET` without a body. A trailing
//!   slash is removed from the path that is sent, because the signature does not cover it.
//!
//! On the server:
//!
//! - In axum, routes added after [`Router::layer`][layer] are not behind the layer.
//! - With [`Router::nest`][nest], the verifying layer can be inside or outside: see [below](#nesting-in-axum).
//! - A browser's CORS preflight request has no credentials: add [`CorsLayer`][cors] outside [`LogentriesVerifyLayer`].
//! - A logging layer outside [`LogentriesVerifyLayer`] sees incoming keys in the clear, unless tower-http's
//!   [`SetSensitiveRequestHeadersLayer`][sensitive] wraps that layer too.
//!
//! # Nesting in axum
//!
//! Add [`LogentriesVerifyLayer`] to the nested router. With feature `axum`, the signature covers the original path, and
//! access is determined by the original path and by the one that the nested router sees:
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tower::{BoxError, ServiceExt};
//! use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let keys = Credentials::read_only("read-only-key")?;
//! let api = Router::new().route("/management/logs", get(|| async { "[]" })).layer(LogentriesVerifyLayer::new(keys));
//! let app = Router::new().nest("/api", api);
//!
//! let request = Request::get("/api/management/logs").header("x-api-key", "read-only-key").body(Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! Or add it to the outer router, and set the prefix with [`mounted_at`](LogentriesVerifyLayer::mounted_at):
//!
//! ```
//! # use axum::{Router, body::Body, routing::get};
//! # use http::{Request, StatusCode};
//! # use tower::{BoxError, ServiceExt};
//! # use tower_logentries_auth::{Credentials, LogentriesVerifyLayer};
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let keys = Credentials::read_only("read-only-key")?;
//! let api = Router::new().route("/management/logs", get(|| async { "[]" }));
//! let app = Router::new().nest("/api", api).layer(LogentriesVerifyLayer::new(keys).mounted_at("/api"));
//!
//! let request = Request::get("/api/management/logs").header("x-api-key", "read-only-key").body(Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! A path that the table does not have, such as one under a prefix that is not set, requires
//! [`ReadWrite`](Access::ReadWrite), or what [`undocumented`](LogentriesVerifyLayer::undocumented) sets. Under any
//! prefix, an owner's resource requires the owner's signature. For resources that are not the API's, set a rule with
//! [`access`](LogentriesVerifyLayer::access), which replaces the table whole.
//!
//! # Performance
//!
//! The time of a request with this crate and with others, whose schemes differ and do more, and with the scheme as one
//! writes it by hand:
//!
#![doc = include_str!("guide/peers.svg")]
//!
//! # Feature flags
//!
//! All features are disabled by default.
//!
//! | feature | description |
//! |---|---|
//! | `reqwest` (0.13) | Supports [`reqwest::Client`][client] and [`ClientWithMiddleware`][with-middleware] as inner services |
//! | `reqwest-middleware` (0.5) | Adds `LogentriesAuthMiddleware`, for [`ClientBuilder::with`][with] |
//! | `retry` | Adds `LogentriesRetryPolicy`, for tower's [`RetryLayer`][retry], and with `reqwest-middleware` also `LogentriesRetryMiddleware` |
//! | `fs` | Adds `BodySource::file`, a file that can be sent more than once |
//! | `axum` (0.8) | Makes [`Authenticated`] an extractor; signatures under [`Router::nest`][nest] cover the original path; enables `drain` |
//! | `drain` | Has [`LogentriesVerifyLayer`] read on after a rejection, so that HTTP/1 clients see the response |
//! | `cache` | Adds `verify::CachedKeyStore`, which caches the answers of a key store |
//! | `tracing` | Emits an event for each request and rejection, a warning for each request that is not sent and each clock correction, and an error if a key store fails |
//!
//! # Further reading
//!
//! The [`guide`] covers [security](guide::security), [troubleshooting](guide::troubleshooting) with every error and
//! rejection, [client types](guide::client_types), [keys in a database](guide::key_stores),
//! [replays](guide::replays), and [migrating](guide::migrating) from hand-written signing.
//!
//! [client]: https://docs.rs/reqwest/0.13/reqwest/struct.Client.html
//! [cors]: https://docs.rs/tower-http/latest/tower_http/cors/struct.CorsLayer.html
//! [layer]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.layer
//! [nest]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest
//! [no-redirects]: https://docs.rs/reqwest/0.13/reqwest/redirect/struct.Policy.html#method.none
//! [retry]: https://docs.rs/tower/0.5/tower/retry/struct.RetryLayer.html
//! [sensitive]: https://docs.rs/tower-http/latest/tower_http/sensitive_headers/struct.SetSensitiveRequestHeadersLayer.html
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
