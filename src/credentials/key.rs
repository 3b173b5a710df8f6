//! One key: checked, taken in, and its text forgotten or wiped.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::CredentialsError;
use crate::{CanonicalRequest, Signature, signature::SigningKey};

/// The owner key of an account, and its id. It signs, and is never sent.
///
/// Only the keyed HMAC state is kept, wiped when the last clone is dropped. Clones share it.
#[derive(Clone)]
pub struct OwnerKey {
    inner: Arc<Inner>,
}

struct Inner {
    id: Box<str>,
    key: SigningKey,
}

impl OwnerKey {
    /// `id` is the key's id, `key` its text: a UUID, dashes included.
    ///
    /// # Errors
    ///
    /// Either is empty, or has a character other than visible ASCII, or the id has a `:`.
    pub fn new(id: &str, key: &str) -> Result<Self, CredentialsError> {
        check("owner key id", id)?;
        check("owner key", key)?;
        if id.contains(':') {
            return Err(CredentialsError::Colon);
        }
        let key = SigningKey::new(key.as_bytes()).ok_or(CredentialsError::Empty { what: "owner key" })?;
        Ok(Self { inner: Arc::new(Inner { id: id.into(), key }) })
    }

    /// The id, which is sent in the open.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The signature of `request`.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey};
    ///
    /// let key = OwnerKey::new("my-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?;
    /// let date = "Thu, 17 Aug 2017 20:16:24 GMT";
    /// let request = CanonicalRequest::new(&Method::GET, "/management/accounts/7", None, date, BodyDigest::EMPTY);
    /// println!("authorization-api-key: {}:{}", key.id(), key.sign(&request));
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn sign(&self, request: &CanonicalRequest<'_>) -> Signature {
        self.inner.key.sign(request.parts())
    }

    /// Whether `signature` is this key's for `request`, compared in constant time.
    pub fn verify(&self, request: &CanonicalRequest<'_>, signature: &Signature) -> bool {
        self.inner.key.verify(request.parts(), signature)
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerKey").field("id", &self.id()).field("key", &"[elided]").finish()
    }
}

/// A read/write or read-only key, sent as `x-api-key`.
///
/// Clones share one allocation, wiped when the last of them is dropped.
#[derive(Clone)]
pub struct ApiKey {
    pub(super) header: HeaderValue,
    pub(super) digest: ApiKeyDigest,
}

impl ApiKey {
    /// `key` is the key's text.
    ///
    /// # Errors
    ///
    /// It is empty, or has a character other than visible ASCII.
    pub fn new(key: &str) -> Result<Self, CredentialsError> {
        Self::named("API key", key)
    }

    pub(super) fn named(what: &'static str, key: &str) -> Result<Self, CredentialsError> {
        check(what, key)?;
        let text = Bytes::from_owner(Zeroizing::new(key.as_bytes().to_vec()));
        let mut header =
            HeaderValue::from_maybe_shared(text).map_err(|_| CredentialsError::ControlCharacter { what })?;
        header.set_sensitive(true);
        Ok(Self { header, digest: ApiKeyDigest::of(key) })
    }

    /// The digest by which a verifier looks this key up, so that its store need not hold the key.
    pub fn digest(&self) -> ApiKeyDigest {
        self.digest
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([elided])")
    }
}

/// The SHA-256 of an API key's text, by which a key is looked up without being known.
///
/// A key is a random UUID: its digest can be kept in a database and compared with `==`, and neither the digest nor
/// the time that a comparison takes leads back to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyDigest([u8; 32]);

impl ApiKeyDigest {
    /// The digest of a key's text.
    pub fn of(key: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The digest from its 32 bytes, as a database may hold them.
    pub const fn from_sha256(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest([elided])")
    }
}

/// A key or an id is visible ASCII, and not empty.
pub(super) fn check(what: &'static str, text: &str) -> Result<(), CredentialsError> {
    if text.is_empty() {
        return Err(CredentialsError::Empty { what });
    }
    text.chars().try_for_each(|c| match c {
        '!'..='~' => Ok(()),
        c if c.is_whitespace() => Err(CredentialsError::WhiteSpace { what }),
        c if c.is_control() => Err(CredentialsError::ControlCharacter { what }),
        _ => Err(CredentialsError::NotAscii { what }),
    })
}
