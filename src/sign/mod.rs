//! The client side: [`LogentriesAuthLayer`] chooses a key for each request, and signs where the key is the owner's.
//!
//! A request walks `service` (what is sent at once), `steps` (what is done to it: a pen signs it, a watch sees its answer)
//! and `future` (what is waited for), or ends as an `error`. `layer` has what is set, `request` what a client's types give.

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
