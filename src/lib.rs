//! Authentication for the [Logentries REST API], as a [tower] layer that goes onto the HTTP client or server that you
//! have.
//!
//! The API takes an API key header for most resources, and for Account and User resources a signature made with the
//! owner key. [`LogentriesAuthLayer`] sends each request with the least key that is enough: it picks the key by the
//! resource, buffers a body only where it must be signed, signs, and sets the headers. [`LogentriesVerifyLayer`] is its
//! mirror, for whoever stands in for the API or puts a service behind the same keys.
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
//! // A server that takes what the API takes.
//! let app = Router::new()
//!     .route("/management/accounts/{id}/users", get(|| async { "[]" }))
//!     .layer(LogentriesVerifyLayer::new(credentials.clone()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let origin = format!("http://{}", listener.local_addr()?);
//! tokio::spawn(async { axum::serve(listener, app).await });
//!
//! // The client that you have, and one layer. The vendor's own hosts need no `trust_origin`.
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
//! # What a client can rely on
//!
//! 1. A request goes out with the least key held that is enough for its resource, or it fails before anything is sent.
//!    The owner key itself is never sent.
//! 2. Credentials go to the vendor's hosts over https, and to origins that were named with
//!    [`trust_origin`](LogentriesAuthLayer::trust_origin). Nowhere else.
//! 3. What is signed is what is sent: the path's own octets, the Content-Type, the Date and the body that go out.
//!    Stale credentials and dates that a caller left are replaced, never doubled; so is the framing of a body that was read.
//! 4. Only what must be read is read. A request with an API key streams through, and so does a signed one that
//!    carries a [`BodyDigest`]. Any other signed body is buffered, up to
//!    [`body_limit`](LogentriesAuthLayer::body_limit).
//! 5. Nothing is lost in silence: a body that fails, ends early, or has trailers that its type can't hold is an error.
//! 6. The service's body type, readiness and response are those of the service inside.
//!
//! What a server can rely on stands with [`LogentriesVerifyLayer`].
//!
//! # Which key goes where
//!
//! | resource | least access | header |
//! |---|---|---|
//! | `GET`, `HEAD` on logs, log sets, live tail and queries | [`ReadOnly`](Access::ReadOnly) | `x-api-key` |
//! | accounts themselves, their users and owners; changes to their API keys | [`Owner`](Access::Owner) | `Date`, `authorization-api-key` |
//! | everything else | [`ReadWrite`](Access::ReadWrite) | `x-api-key` |
//!
//! The whole table is [`Access::required_for`]. For a resource that it does not know, say so in the request's extensions
//! ([`Access`]) or for the layer ([`access`](LogentriesAuthLayer::access)).
//!
//! # What is signed
//!
//! ```text
//! POST                                           method
//! application/json                               Content-Type, as it is sent
//! Thu, 17 Aug 2017 20:16:24 GMT                  Date, as it is sent
//! management/accounts/7/users                    path, without query and outer slashes
//! 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=   base64 of the body's SHA-256
//! ```
//!
//! one after the other, with nothing between the parts. The signature is the base64 of the HMAC-SHA1 of this string under
//! the text of the owner key, sent as `authorization-api-key: key-id:signature`.
//! [`CanonicalRequest`] prints the string.
//!
//! # Where the layer goes
//!
//! ```text
//! request ─▶ Timeout          bounds all below, the reading of a body too
//!            FollowRedirect   each hop is signed for its own path, on trusted hosts
//!            Retry            each attempt has a date and signature of its own
//!            Buffer, limits   below the layer, a permit is held while a body is read
//!            LogentriesAuth   signs
//!            Trace            sees what is sent; credentials are marked sensitive
//! wire ◀──── client           no redirects of its own: they would leak the headers
//! ```
//!
//! Nothing below the layer may change the method, path, Content-Type, Date or body. A layer that compresses bodies or
//! sets a Content-Type belongs above it.
//!
//! # Things that surprise people
//!
//! - While a body is read to be signed, the readiness that the inner service promised is held: below the layer a
//!   `ConcurrencyLimit` counts a slow upload from its first byte.
//! - Joining the chunks of a body takes its size once more in memory. Types that are `From<Bytes>` need that; a
//!   [`rebuild_body`](LogentriesAuthLayer::rebuild_body) closure keeps the chunks.
//! - A reqwest client follows redirects unless told not to, and takes our headers along: build it with
//!   `redirect::Policy::none()`.
//! - A reqwest client's default headers are added below any layer. A default Content-Type does no harm, since every signed
//!   request has one by then, unless [`default_content_type`](LogentriesAuthLayer::default_content_type) is `None`. A
//!   default `x-api-key` does: it goes out beside a signature, and to every host.
//! - A `reqwest::Request` has no extensions for us: an `Access` or a `BodyDigest` goes with one through
//!   `LogentriesAuthMiddleware` alone, an access also through [`access`](LogentriesAuthLayer::access).
//! - A timeout that is set on a reqwest client or request does not cover the reading of a body to be signed; a `Timeout` layer
//!   outside does.
//! - In axum, routes added after `Router::layer` are not behind the layer.
//! - Under `Router::nest` the verifying layer belongs on the nested router: it judges access by the path that the service
//!   inside it sees, and on the outer one that path has a prefix that the table does not know. Where that path does not begin
//!   with `/management` or `/query`, give it a rule with [`access`](LogentriesVerifyLayer::access).
//! - A browser's CORS preflight has no credentials: `CorsLayer` goes outside of [`LogentriesVerifyLayer`].
//! - A log outside of [`LogentriesVerifyLayer`] sees incoming keys in clear, unless `SetSensitiveRequestHeadersLayer` of
//!   tower-http stands outside of that log.
//! - A signed request gets `application/json` where it has no Content-Type, even a bodiless GET; and a slash at the end of its
//!   path is taken off the target that is sent, since it is not part of what is signed.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `reqwest` (0.13) | the layer around `reqwest::Client`, and around `reqwest_middleware::ClientWithMiddleware` |
//! | `reqwest-middleware` (0.5) | `LogentriesAuthMiddleware`, for `reqwest_middleware::ClientBuilder::with` |
//! | `axum` (0.8) | [`Authenticated`] as an extractor; signatures under `Router::nest` cover the original path |
//! | `tracing` | an event for each request, a warning for each refusal and for each correction of the clock |
//!
//! # More
//!
//! [`guide`] has what does not fit here: [security](guide::security), [troubleshooting](guide::troubleshooting) with every
//! error and refusal, and [migrating](guide::migrating) from hand-written signing.
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
mod origin;
pub mod sign;
mod signature;
mod trace;
pub mod verify;

#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub use self::sign::LogentriesAuthMiddleware;
pub use self::{
    access::Access,
    body::{BufferedBody, RebuildBody, RebuildFromBytes},
    canonical::CanonicalRequest,
    credentials::{ApiKey, ApiKeyDigest, Credentials, CredentialsError, CredentialsHandle, OwnerKey},
    sign::{AuthError, LogentriesAuthLayer},
    signature::{BodyDigest, InvalidSignatureText, Signature},
    verify::{Authenticated, KeyStore, LogentriesVerifyLayer, Rejection},
};

#[cfg(all(doctest, feature = "reqwest-middleware"))]
#[doc = include_str!("../README.md")]
struct Readme;
