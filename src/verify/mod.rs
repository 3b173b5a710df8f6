//! The server side: [`LogentriesVerifyLayer`] lets through what the API would.
//!
//! A request walks `layer` (what is set), `checks` (its form), `keys` (who may), `future` (what is waited for), and where
//! it fails, `rejection`.

mod authenticated;
mod body;
mod checks;
mod future;
mod keys;
mod layer;
mod rejection;
mod service;
mod steps;

pub use self::{
    authenticated::Authenticated,
    body::VerifyBody,
    future::VerifyFuture,
    keys::{Accounts, AccountsError, Found, KeyStore, Presented},
    layer::LogentriesVerifyLayer,
    rejection::{Malformed, Rejection},
    service::LogentriesVerify,
};
