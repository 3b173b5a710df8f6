//! The server side: [`LogentriesVerifyLayer`] lets through what the API would.
//!
//! A request walks `service`, `checks` (its form), `keys` and `accounts` (who may), `future` (what is waited for) and `steps`
//! (what is decided), and ends as `authenticated` or as a `rejection`. `layer` has what is set, `body` that of a response.

mod accounts;
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
    accounts::{Accounts, AccountsError},
    authenticated::Authenticated,
    body::VerifyBody,
    future::VerifyFuture,
    keys::{Found, KeyStore, Presented},
    layer::LogentriesVerifyLayer,
    rejection::{Malformed, Rejection},
    service::LogentriesVerify,
};
