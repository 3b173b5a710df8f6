//! Signing: [`LogentriesAuthLayer`] authenticates the requests of an HTTP client.
//!
//! It chooses a key for each request, and signs the request if the resource requires the owner key. The
//! [crate's page](crate) has an example and the guarantees.

// `layer` is the builder and `signer` what it builds; `service` and `future` run a request through it. `skew` corrects
// clocks, `content_type` is the header that is signed, `request` abstracts over the clients' types, `retry` is the retry
// policy, and `error` is why a request was not sent.

mod content_type;
mod error;
mod future;
mod layer;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
#[cfg(feature = "retry")]
mod retry;
mod service;
mod signer;
mod skew;

#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub use self::reqwest_middleware::LogentriesAuthMiddleware;
#[cfg(all(feature = "retry", feature = "reqwest-middleware"))]
#[cfg_attr(docsrs, doc(cfg(all(feature = "retry", feature = "reqwest-middleware"))))]
pub use self::retry::LogentriesRetryMiddleware;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub use self::retry::{AttemptError, LogentriesRetryPolicy, RetryDelay};
pub use self::{
    error::AuthError,
    future::ResponseFuture,
    layer::{LogentriesAuthLayer, UntrustedOrigins},
    request::{HttpRequest, HttpResponse},
    service::LogentriesAuth,
    skew::ClockSkewCorrected,
};
pub use crate::origin::InvalidOrigin;
