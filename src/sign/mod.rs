//! The client side: [`LogentriesAuthLayer`] chooses a key for each request, and signs where the key is the owner's.
//!
//! A request walks `layer` (what is set), `service` (what is sent at once), `steps` (what is done to it), `future`
//! (what is waited for).

mod error;
mod future;
mod layer;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
pub(crate) mod steps;

#[cfg(feature = "reqwest-middleware")]
pub(crate) use self::request::{Wishes, sealed};
pub use self::{
    error::AuthError,
    future::ResponseFuture,
    layer::{LogentriesAuthLayer, Untrusted},
    request::{HttpRequest, HttpResponse},
    service::LogentriesAuth,
};
