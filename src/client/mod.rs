//! The client's side: [`LogentriesAuthLayer`] authenticates the requests of an HTTP client.
//!
//! It chooses a key for each request, and signs the request if the resource requires the owner key. The
//! [crate's page](crate) has an example.

// In the order of a request: `layer` configures, and `service` takes the request. `request` and `reqwest` are the types that
// clients have for one. `signer` checks its `origin` and chooses its key. Once its body was read, `sign` dates and signs
// it, and `skew` inspects its response. `reqwest_middleware` and `bytes` take the same steps without tower.

mod bytes;
mod error;
mod layer;
pub(crate) mod origin;
pub(crate) mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod service;
mod sign;
mod signer;
mod skew;

pub use self::bytes::BodyBytes;
pub use self::error::AuthError;
pub use self::layer::{LogentriesAuthLayer, UntrustedOrigins};
pub use self::origin::InvalidOrigin;
pub use self::request::{HttpRequest, HttpResponse};
#[cfg(feature = "reqwest-middleware")]
pub use self::reqwest_middleware::LogentriesAuthMiddleware;
pub use self::service::{LogentriesAuth, ResponseFuture};
pub use self::skew::ClockSkewCorrected;
