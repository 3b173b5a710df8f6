//! What is signed, and how: the scheme of the Logentries REST API, without tower, clocks or I/O.
//!
//! The canonical request holds the method, the content type, the date, the path and the digest of the body. Its
//! signature is the HMAC-SHA1 of their concatenation. `method` says which methods keep that unambiguous, and `date` is
//! the only form of a date that is signed.

mod canonical;
mod date;
mod digest;
mod headers;
mod method;
mod signature;

pub use self::canonical::CanonicalRequest;
pub(crate) use self::canonical::trim_slashes;
#[cfg(feature = "explain")]
pub(crate) use self::date::parse_date;
pub(crate) use self::date::{LAST_SECOND, date_of, format_date};
pub use self::digest::BodyDigest;
pub use self::headers::{AUTHORIZATION_API_KEY, X_API_KEY};
pub(crate) use self::headers::{DuplicateHeader, single_value};
#[cfg(feature = "retry")]
pub(crate) use self::method::is_idempotent;
pub(crate) use self::method::{anticipates_body, is_safe, is_signable};
pub use self::signature::Signature;
