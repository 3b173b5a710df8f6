//! A single key, whose text is validated, and then not kept or wiped when dropped.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use hmac::Hmac;
use http::{HeaderValue, Method};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::CredentialsError;
use crate::{BodyDigest, CanonicalRequest, Signature, signature::SigningKey};

/// The owner key of an account with its id. It signs requests and is never sent.
///
/// Only the keyed HMAC state (RFC 2104) is kept. Clones share it, and it is wiped when the last of them is dropped.
#[derive(Clone)]
pub struct OwnerKey {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    id: Arc<str>,
    key: SigningKey,
    label: Option<Arc<str>>,
    principal: Option<Arc<str>>,
}

impl OwnerKey {
    /// Creates an owner key from its id and its text, which is a UUID with its dashes.
    ///
    /// # Errors
    ///
    /// Returns an error if either is empty or not visible ASCII, or if the id contains a `:`.
    pub fn new(id: &str, key: &str) -> Result<Self, CredentialsError> {
        check("owner key id", id)?;
        check("owner key", key)?;
        if id.contains(':') {
            return Err(CredentialsError::ColonInKeyId);
        }
        let key = SigningKey::new(key.as_bytes()).ok_or(CredentialsError::Empty { name: "owner key" })?;
        Ok(Self { inner: Arc::new(Inner { id: id.into(), key, label: None, principal: None }) })
    }

    /// Sets a label, which distinguishes two keys that share an id while they rotate.
    ///
    /// [`Authenticated::key_label`](crate::Authenticated::key_label) is the label of the key that signed a request.
    ///
    /// ```
    /// use tower_logentries_auth::{OwnerKey, verify::StoredKey};
    ///
    /// let old = OwnerKey::new("key-id", "old-key")?.with_label("2025");
    /// let new = OwnerKey::new("key-id", "new-key")?.with_label("2026");
    /// let stored = StoredKey::owner([old, new]);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn with_label(self, label: impl Into<Arc<str>>) -> Self {
        self.with(|inner| inner.label = Some(label.into()))
    }

    /// Sets the account that the key belongs to.
    ///
    /// [`Authenticated::principal`](crate::Authenticated::principal) is the account of the key that signed a request.
    ///
    /// ```
    /// use tower_logentries_auth::OwnerKey;
    ///
    /// let key = OwnerKey::new("key-id", "owner-key")?.with_principal("acme");
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn with_principal(self, account: impl Into<Arc<str>>) -> Self {
        self.with(|inner| inner.principal = Some(account.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// Returns the id, which is sent in clear text.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    pub(crate) fn label(&self) -> Option<&Arc<str>> {
        self.inner.label.as_ref()
    }

    pub(crate) fn principal(&self) -> Option<&Arc<str>> {
        self.inner.principal.as_ref()
    }

    /// Returns whether both are the same key under the same id. Compares signatures, because the keys themselves are
    /// not kept.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let probe = CanonicalRequest::for_path(&Method::GET, "", b"", b"", BodyDigest::EMPTY);
        self.id() == other.id() && self.verify(&probe, &other.sign(&probe))
    }

    /// Returns the HMAC of this key, to which nothing was fed yet.
    pub(crate) fn mac(&self) -> Hmac<Sha1> {
        self.inner.key.state()
    }

    /// Signs a canonical request.
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
    #[inline]
    pub fn sign(&self, request: &CanonicalRequest<'_>) -> Signature {
        self.inner.key.sign(request.parts())
    }

    /// Returns whether `signature` is this key's signature of `request`. The comparison takes constant time.
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
/// Clones share one allocation, which is wiped when the last of them is dropped.
///
/// ```
/// use tower_logentries_auth::{ApiKey, ApiKeyDigest};
///
/// let key = ApiKey::new("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")?;
/// assert_eq!(key.digest(), ApiKeyDigest::of("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e"));
/// assert_eq!(format!("{key:?}"), "ApiKey([elided])");
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct ApiKey {
    pub(super) header: HeaderValue,
    pub(super) digest: ApiKeyDigest,
}

impl ApiKey {
    /// Creates an API key from its text.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or not visible ASCII.
    pub fn new(key: &str) -> Result<Self, CredentialsError> {
        Self::named("API key", key)
    }

    pub(super) fn named(name: &'static str, key: &str) -> Result<Self, CredentialsError> {
        check(name, key)?;
        let text = Bytes::from_owner(Zeroizing::new(key.as_bytes().to_vec()));
        let mut header =
            HeaderValue::from_maybe_shared(text).map_err(|_| CredentialsError::ControlCharacter { name })?;
        header.set_sensitive(true);
        Ok(Self { header, digest: ApiKeyDigest::of(key) })
    }

    /// Returns the digest by which a verifier looks this key up.
    pub fn digest(&self) -> ApiKeyDigest {
        self.digest
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([elided])")
    }
}

/// The SHA-256 of an API key's text. Key stores look API keys up by it, so that they need not hold the keys.
///
/// A key is a random UUID: its digest can be stored in a database and compared with `==`. Neither the digest nor the
/// time that a comparison takes reveals the key.
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
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest([elided])")
    }
}

/// Checks that a key or an id is visible ASCII and not empty.
pub(super) fn check(name: &'static str, text: &str) -> Result<(), CredentialsError> {
    if text.is_empty() {
        return Err(CredentialsError::Empty { name });
    }
    text.chars().try_for_each(|c| match c {
        '!'..='~' => Ok(()),
        c if c.is_whitespace() => Err(CredentialsError::Whitespace { name }),
        c if c.is_control() => Err(CredentialsError::ControlCharacter { name }),
        _ => Err(CredentialsError::NotAscii { name }),
    })
}
