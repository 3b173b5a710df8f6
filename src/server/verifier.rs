//! What is decided about a request once its key was looked up: whether the key grants access, and whether it made the
//! signature.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::{CONTENT_TYPE, DATE};
use http::request::Parts;

#[cfg(feature = "explain")]
use super::Explain;
use super::path::whole_path;
use super::presented::{PresentedApiKey, PresentedSignature};
use super::{Identity, PresentedKey, Reason, Rejection, SignatureMismatch, StoredApiKey, VerifiedSignature};
use crate::access::AccessRule;
use crate::clock::Clock;
use crate::scheme::LAST_SECOND;
use crate::{Access, BodyDigest, BoxError, CanonicalRequest, OwnerKey};

/// The configuration of a layer.
#[derive(Clone)]
pub(super) struct Verifier {
    pub(super) body_limit: usize,
    /// How much of a rejected body is read, and how long that may take.
    pub(super) drain_limit: usize,
    pub(super) drain_timeout: Duration,
    pub(super) date_tolerance: Duration,
    pub(super) upload_duration: Duration,
    pub(super) access: AccessRule,
    /// What a proxy took off the path, without a trailing slash.
    pub(super) stripped_prefix: Box<str>,
    #[cfg(feature = "explain")]
    pub(super) explain: Option<Explain>,
    pub(super) clock: Clock,
}

/// A signature, and the keys that may have made it.
pub(super) struct Signed {
    pub(super) presented: PresentedSignature,
    pub(super) keys: Vec<OwnerKey>,
}

impl Verifier {
    /// Checks that a date is near the layer's clock, and returns it.
    pub(super) fn check_date(&self, date: u64) -> Result<u64, Reason> {
        if self.clock.now().is_some_and(|now| date.abs_diff(now) <= self.date_tolerance.as_secs()) {
            return Ok(date);
        }
        let offset_secs = i64::try_from(date).unwrap_or(i64::MAX).saturating_sub(self.clock.secs());
        Err(Reason::DateOutOfTolerance { offset_secs })
    }

    /// Checks that the body was complete in time, and that one of the keys made the signature, for this request and a
    /// body of this digest.
    pub(super) fn verify(
        &self,
        head: &Parts,
        signed: &Signed,
        body: &[u8],
        digest: BodyDigest,
    ) -> Result<(Identity, VerifiedSignature), Reason> {
        let Signed { presented: PresentedSignature { id, signature, date }, keys } = signed;
        let valid_until_secs = self.check_upload_duration(*date)?;
        // Neither header is repeated, or the request would have been malformed.
        let header = |name| head.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let path = whole_path(&self.stripped_prefix, &head.uri, &head.extensions);
        let canonical = CanonicalRequest::for_path(&head.method, &path, header(CONTENT_TYPE), header(DATE), digest);
        let Some(signer) = keys.iter().find(|key| key.verify(&canonical, signature)) else {
            return Err(Reason::InvalidSignature(SignatureMismatch {
                canonical_string: canonical.to_string().into(),
                key_id: Arc::clone(id),
                body_len: body.len(),
                #[cfg(feature = "explain")]
                explained: self.explain(head, signed, body, digest),
            }));
        };
        let (key_id, key_label, account) = signer.names();
        let identity = Identity { access: Access::Owner, key_id: Some(key_id), key_label, account };
        let (key_id, signature, clock) = (Arc::clone(id), *signature, self.clock.clone());
        Ok((identity, VerifiedSignature { key_id, signature, date_secs: *date, valid_until_secs, clock }))
    }

    /// Checks that the body of a request of this date was complete in time, and returns the last second for that.
    fn check_upload_duration(&self, date: u64) -> Result<u64, Reason> {
        let valid_until =
            date.saturating_add(self.date_tolerance.as_secs()).saturating_add(self.upload_duration.as_secs());
        if self.clock.now().is_some_and(|now| now <= valid_until) {
            return Ok(valid_until.min(LAST_SECOND));
        }
        let elapsed = self.clock.secs().saturating_sub_unsigned(date);
        Err(Reason::UploadTooSlow { elapsed_secs: u64::try_from(elapsed).unwrap_or(0) })
    }
}

impl PresentedApiKey {
    /// Checks that the key is stored, and that it grants access.
    pub(super) fn check_access(
        self,
        stored: Result<Option<StoredApiKey>, impl Into<BoxError>>,
    ) -> Result<Identity, Rejection> {
        let (required, key) = (self.required, PresentedKey::ApiKey(self.digest));
        let identity = match stored {
            Ok(Some(stored)) => stored.into_identity(),
            Ok(None) => return Err(Rejection::of_key(key, Reason::UnknownKey)),
            Err(error) => return Err(Rejection::of_key(key, Reason::KeyStoreUnavailable(error.into().into()))),
        };
        match identity.access {
            granted if granted >= required => Ok(identity),
            granted => Err(Rejection::new(Some(key), Some(identity), Reason::Forbidden { required, granted })),
        }
    }
}

impl PresentedSignature {
    /// Checks that keys are stored under the id, and returns them.
    pub(super) fn check_keys(
        &self,
        stored: Result<Vec<OwnerKey>, impl Into<BoxError>>,
    ) -> Result<Vec<OwnerKey>, Reason> {
        let mut keys = stored.map_err(|error| Reason::KeyStoreUnavailable(error.into().into()))?;
        keys.retain(|key| key.id() == &*self.id);
        if keys.is_empty() { Err(Reason::UnknownKey) } else { Ok(keys) }
    }
}
