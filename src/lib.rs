//! Authentication for the Logentries REST API.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::indexing_slicing)]

mod access;
mod body;
mod canonical;
mod clock;
mod credentials;
mod headers;
mod origin;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod sign;
mod signature;
mod trace;
mod verify;

pub use self::{
    access::Access,
    body::{BufferedBody, FromBytes, Rebuild},
    canonical::CanonicalRequest,
    clock::ClockCorrected,
    credentials::{ApiKey, ApiKeyDigest, Credentials, CredentialsError, CredentialsHandle, OwnerKey},
    origin::OriginError,
    sign::{AuthError, HttpRequest, HttpResponse, LogentriesAuth, LogentriesAuthLayer, ResponseFuture, Untrusted},
    signature::{BodyDigest, Signature},
    verify::{
        Accounts, AccountsError, Authenticated, Found, KeyStore, LogentriesVerify, LogentriesVerifyLayer, Malformed,
        Presented, Rejection, VerifyBody, VerifyFuture,
    },
};

#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub use self::reqwest_middleware::LogentriesAuthMiddleware;
