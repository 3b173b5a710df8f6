//! Authentication for the [Logentries REST API]: [tower] middleware that signs and verifies requests with your existing
//! HTTP client or server.
//!
//! The API expects an API key header for most resources, and a signature made with the owner key for Account and User
//! resources. [`LogentriesAuthLayer`] sends each request with the least-privileged key that suffices: it chooses the
//! key by the resource, buffers a body only if it must be signed, signs, and sets the headers.
//! [`LogentriesVerifyLayer`] is its server-side counterpart, for stand-ins for the API and for services that accept the
//! same keys.
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
//! The parts are concatenated without separators. The signature is the base64 of the HMAC-SHA1 of this string, keyed
//! with the text of the owner key, and is sent as `authorization-api-key: key-id:signature`. [`CanonicalRequest`]
//! prints the string.
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
//! # A client type of your own
//!
//! A retry or redirect layer clones requests, and a `BoxBody` cannot be cloned. Give requests a body that can outside, and
//! convert it below this crate's layer:
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full, combinators::BoxBody};
//! use hyper::body::Incoming;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};
//! use tower_http::follow_redirect::FollowRedirectLayer;
//! use tower_logentries_auth::{Credentials, LogentriesAuthLayer};
//!
//! struct Api {
//!     stack: BoxCloneSyncService<Request<Full<Bytes>>, Response<Incoming>, BoxError>,
//! }
//!
//! # fn run(credentials: Credentials) -> Api {
//! let stack = ServiceBuilder::new()
//!     .timeout(Duration::from_secs(60))
//!     .layer(FollowRedirectLayer::new())
//!     // with feature `retry`: .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
//!     .concurrency_limit(8)
//!     .layer(LogentriesAuthLayer::new(credentials))
//!     .map_request(|request: Request<Full<Bytes>>| request.map(|body| body.map_err(BoxError::from).boxed()))
//!     .service(Client::builder(TokioExecutor::new()).build_http::<BoxBody<Bytes, BoxError>>());
//! let api = Api { stack: BoxCloneSyncService::new(stack) };
//! # api
//! # }
//! ```
//!
//! The example `client_in_a_struct` also names the type of the whole stack. To spawn a request over such a type, box its
//! future (`stack.oneshot(request).boxed()`), or rustc may report that an "implementation of `Service` is not general
//! enough". A body that is too long for memory and still has to be sent more than once is a [`BodySource`].
//!
//! # Caveats
//!
//! - While a body is buffered, the layer holds the readiness of the inner service: an inner `ConcurrencyLimit` counts a
//!   slow upload from its first byte.
//! - Joining the chunks of a body takes its size once more in memory. Body types that are `From<Bytes>` require this; a
//!   [`rebuild_body`](LogentriesAuthLayer::rebuild_body) closure can keep the chunks.
//! - By default, a reqwest client follows redirects and sends the credential headers along. Build it with
//!   `redirect::Policy::none()`.
//! - A reqwest client adds its default headers after all layers have run. A default Content-Type is harmless, because
//!   every signed request already has one by then, unless
//!   [`default_content_type`](LogentriesAuthLayer::default_content_type) is `None`. A default `x-api-key` is not: it is
//!   sent alongside a signature, and to every host.
//! - reqwest does not expose request extensions. To set an `Access` or `BodyDigest` per request, use
//!   `LogentriesAuthMiddleware`. To choose the access by method and path, [`access`](LogentriesAuthLayer::access) also
//!   works.
//! - A timeout set on a reqwest client or request does not cover the buffering of a body to be signed. An outer
//!   `Timeout` layer does.
//! - In axum, routes added after `Router::layer` are not behind the layer.
//! - With `Router::nest`, add the verifying layer to the nested router. It determines access by the path that its inner
//!   service sees; on the outer router that path has a prefix that the table does not know. If the path does not start
//!   with `/management` or `/query`, set a rule with [`access`](LogentriesVerifyLayer::access).
//! - A browser's CORS preflight request has no credentials: add `CorsLayer` outside [`LogentriesVerifyLayer`].
//! - A logging layer outside [`LogentriesVerifyLayer`] sees incoming keys in the clear, unless tower-http's
//!   `SetSensitiveRequestHeadersLayer` wraps that layer too.
//! - A signed request without a Content-Type is sent with `application/json`, even a `GET` without a body. A trailing
//!   slash is removed from the path that is sent, because the signature does not cover it.
//!
//! # Feature flags
//!
//! All features are disabled by default.
//!
//! | feature | description |
//! |---|---|
//! | `reqwest` (0.13) | Supports `reqwest::Client` and `reqwest_middleware::ClientWithMiddleware` as inner services |
//! | `reqwest-middleware` (0.5) | Adds `LogentriesAuthMiddleware`, for `reqwest_middleware::ClientBuilder::with` |
//! | `axum` (0.8) | Makes [`Authenticated`] an extractor; signatures under `Router::nest` cover the original path; enables `drain` |
//! | `drain` | Has [`LogentriesVerifyLayer`] read on after a rejection, so that HTTP/1 clients see the response |
//! | `fs` | Adds `BodySource::file`, a file that can be sent more than once |
//! | `retry` | Adds `LogentriesRetryPolicy`, for tower's `RetryLayer`, and with `reqwest-middleware` also `LogentriesRetryMiddleware` |
//! | `tracing` | Emits an event for each request, and a warning for each rejection, failure and clock correction |
//!
//! # Further reading
//!
//! The [`guide`] covers [security](guide::security), [troubleshooting](guide::troubleshooting) with every error and
//! rejection, and [migrating](guide::migrating) from hand-written signing.
//!
//! [Logentries REST API]: https://docs.rapid7.com/insightops/rest-api-overview/
//! [tower]: https://docs.rs/tower
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::indexing_slicing)]

mod access;
mod body;
mod canonical;
mod clock;
mod credentials;
#[cfg(any(doc, doctest))]
pub mod guide;
mod headers;
mod json_response;
mod origin;
pub mod replay;
pub mod sign;
mod signature;
mod trace;
pub mod verify;

#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub use self::sign::LogentriesAuthMiddleware;
#[cfg(all(feature = "retry", feature = "reqwest-middleware"))]
#[cfg_attr(docsrs, doc(cfg(all(feature = "retry", feature = "reqwest-middleware"))))]
pub use self::sign::LogentriesRetryMiddleware;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub use self::sign::LogentriesRetryPolicy;
pub use self::{
    access::Access,
    body::{BodySource, BufferedBody, RebuildBody, RebuildFromBytes},
    canonical::CanonicalRequest,
    credentials::{ApiKey, ApiKeyDigest, Credentials, CredentialsError, CredentialsHandle, OwnerKey},
    sign::{AuthError, LogentriesAuthLayer},
    signature::{BodyDigest, InvalidSignatureText, Signature},
    verify::{Authenticated, KeyStore, LogentriesVerifyLayer, Rejection},
};

#[cfg(all(doctest, feature = "reqwest-middleware"))]
#[doc = include_str!("../README.md")]
struct Readme;
