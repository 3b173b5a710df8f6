//! The owner key. Only its keyed HMAC is kept.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha1::Sha1;

use super::{CredentialsError, check};
use crate::scheme::{BodyDigest, CanonicalRequest, Signature};

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
    /// The keyed HMAC, before any input.
    mac: Hmac<Sha1>,
    label: Option<Arc<str>>,
    account: Option<Arc<str>>,
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
        let mac = Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
        Ok(Self { inner: Arc::new(Inner { id: id.into(), mac, label: None, account: None }) })
    }

    /// Sets a label, which distinguishes two keys that share an id while they rotate.
    ///
    /// [`Identity::key_label`](crate::Identity::key_label) is the label of the key that signed a request.
    ///
    /// ```
    /// use tower_logentries_auth::{Credentials, CredentialsHandle, OwnerKey};
    ///
    /// let old = OwnerKey::new("key-id", "old-key")?.with_label("2025");
    /// let new = OwnerKey::new("key-id", "new-key")?.with_label("2026");
    /// let handle = CredentialsHandle::new(Credentials::from_owner_key(old.clone()));
    /// handle.replace_accepting(Credentials::from_owner_key(new), [Credentials::from_owner_key(old)]);
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.inner).label = Some(label.into());
        self
    }

    /// Sets the account that the key belongs to.
    ///
    /// [`Identity::account`](crate::Identity::account) is the account of the key that signed a request.
    ///
    /// ```
    /// use tower_logentries_auth::OwnerKey;
    ///
    /// let key = OwnerKey::new("key-id", "owner-key")?.with_account("acme");
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn with_account(mut self, account: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.inner).account = Some(account.into());
        self
    }

    /// Returns the id, which is sent in clear text.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Returns the label, if there is one.
    pub fn label(&self) -> Option<&str> {
        self.inner.label.as_deref()
    }

    /// Returns the account that the key belongs to, if one is set.
    pub fn account(&self) -> Option<&str> {
        self.inner.account.as_deref()
    }

    /// Returns the id, the label and the account, without copying them.
    pub(crate) fn names(&self) -> (Arc<str>, Option<Arc<str>>, Option<Arc<str>>) {
        (Arc::clone(&self.inner.id), self.inner.label.clone(), self.inner.account.clone())
    }

    /// Returns whether both are the same key under the same id. Compares signatures, because the keys themselves are
    /// not kept.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let probe = CanonicalRequest::for_path(&Method::GET, "", b"", b"", BodyDigest::EMPTY);
        self.id() == other.id() && self.verify(&probe, &other.sign(&probe))
    }

    /// Returns the HMAC of this key, before any input.
    #[cfg(feature = "explain")]
    pub(crate) fn mac(&self) -> Hmac<Sha1> {
        self.inner.mac.clone()
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
    pub fn sign(&self, request: &CanonicalRequest<'_>) -> Signature {
        Signature { bytes: self.feed(request).finalize().into_bytes().into() }
    }

    /// Returns whether `signature` is this key's signature of `request`. The comparison takes constant time.
    pub fn verify(&self, request: &CanonicalRequest<'_>, signature: &Signature) -> bool {
        self.feed(request).verify_slice(&signature.bytes).is_ok()
    }

    fn feed(&self, request: &CanonicalRequest<'_>) -> Hmac<Sha1> {
        let mut mac = self.inner.mac.clone();
        request.parts().iter().for_each(|part| mac.update(part));
        mac
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerKey").field("id", &self.id()).field("key", &"[elided]").finish()
    }
}
