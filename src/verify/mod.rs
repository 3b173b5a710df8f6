//! Verifying: [`LogentriesVerifyLayer`] authenticates the requests to an HTTP server.

// `layer` is the builder and `verifier` what it builds; `service` and `future` run a request through it. `presented`
// parses the credentials of a request, `path` checks its path, and `keys` are the key stores. A request ends up
// `authenticated`, with a `verified_signature` if it has one, or as a `rejection`. `explain` finds the mistake that a
// signature was made with, for the `mismatch` of its rejection.

mod authenticated;
mod explain;
mod future;
mod keys;
mod layer;
mod mismatch;
mod path;
mod presented;
mod rejection;
mod service;
mod verified_signature;
mod verifier;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use self::authenticated::MissingVerifyLayer;
#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub use self::keys::CachedKeyStore;
#[cfg(feature = "tracing")]
pub(crate) use self::presented::key_id;
pub use self::{
    authenticated::Authenticated,
    explain::{Mistake, explain, explain_with_key_text},
    future::ResponseFuture,
    keys::{DuplicateKeyError, KeyStore, MemoryKeyStore, PresentedKey, StoredKey},
    layer::LogentriesVerifyLayer,
    mismatch::Mismatch,
    rejection::{MalformedRequest, Rejection},
    service::LogentriesVerify,
    verified_signature::VerifiedSignature,
};
pub use crate::body::ResponseBody;
