//! The server's side: [`LogentriesVerifyLayer`] authenticates the requests to an HTTP server.

// In the order of a request: `layer` configures, `service` takes the request, `presented` parses its credentials and checks
// its `path`. `keys` are the stores that the key is looked up in. Once the body was read, `verifier` decides. A request ends
// up with an `identity`, or as a `rejection` with its `reason`, whose response may have to wait for a `drain`. `explain` says
// why a signature is invalid.

mod drain;
#[cfg(feature = "explain")]
mod explain;
mod identity;
mod keys;
mod layer;
mod path;
mod presented;
mod reason;
mod rejection;
mod service;
mod verifier;

#[cfg(feature = "explain")]
pub use self::explain::Explain;
pub use self::identity::{Identity, VerifiedSignature};
#[cfg(feature = "cache")]
pub use self::keys::CachedKeyStore;
pub use self::keys::{
    DuplicateKeyError, KeyStore, KeyStoreFn, MemoryKeyStore, PresentedKey, StoredApiKey, key_store_fn,
};
pub use self::layer::LogentriesVerifyLayer;
pub use self::reason::{Malformed, Reason, SignatureMismatch};
pub use self::rejection::{Rejection, ResponseBody};
pub use self::service::{LogentriesVerify, ResponseFuture};
