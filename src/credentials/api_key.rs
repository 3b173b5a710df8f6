//! API keys, which are sent as they are, and the digests by which verifiers look them up.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{CredentialsError, check};
use crate::InvalidText;

/// A read/write, read-only or platform key, as the header `x-api-key` carries it.
///
/// Clones share one allocation, which is wiped when the last of them is dropped. `Debug` shows neither the header, which is
/// marked as sensitive, nor the digest.
#[derive(Debug, Clone)]
pub(super) struct ApiKey {
    pub(super) header: HeaderValue,
    pub(super) digest: ApiKeyDigest,
}

impl ApiKey {
    pub(super) fn new(name: &'static str, key: &str) -> Result<Self, CredentialsError> {
        check(name, key)?;
        let text = Bytes::from_owner(Zeroizing::new(key.as_bytes().to_vec()));
        let mut header = HeaderValue::from_maybe_shared(text).expect("checked to be visible ASCII");
        header.set_sensitive(true);
        Ok(Self { header, digest: ApiKeyDigest::of(key) })
    }
}

/// The SHA-256 of an API key's text. Key stores look API keys up by it, so that they need not hold the keys.
///
/// A key is a random UUID: its digest can be stored in a database and compared with `==`. Neither the digest nor the
/// time that a comparison takes reveals the key. For a text column, [`to_text`](Self::to_text) and `FromStr` convert
/// it:
///
/// ```
/// use tower_logentries_auth::ApiKeyDigest;
///
/// let digest = ApiKeyDigest::of("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e");
/// assert_eq!(digest.to_text().len(), 64);
/// assert_eq!(digest.to_text().parse(), Ok(digest));
/// ```
///
/// There is no `Display`, and `Debug` does not show it: a log has no use for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyDigest([u8; 32]);

impl ApiKeyDigest {
    /// Hashes a key's text.
    pub fn of(key: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Creates a digest from its 32 bytes, as stored in a database.
    pub const fn from_sha256(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Returns the 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the digest as 64 lower case hex digits.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Parses 64 hex digits of either case.
impl FromStr for ApiKeyDigest {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = (0..64).step_by(2).filter_map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
        let sha256: Option<[u8; 32]> = digits.collect::<Vec<_>>().try_into().ok();
        sha256.filter(|_| is_hex).map(Self).ok_or(InvalidText { expected: "64 hex digits" })
    }
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest([elided])")
    }
}
