//! What is decided about a request once its key was looked up: whether the key grants access, and whether it made the
//! signature.

use std::time::Duration;

use http::header::{CONTENT_TYPE, DATE};
use http::request::Parts;
use http::{HeaderValue, Request};

#[cfg(feature = "explain")]
use super::Explain;
use super::drain::DrainLimits;
use super::path::whole_path;
use super::presented::{PresentedApiKey, PresentedSignature};
use super::{Identity, Reason, Rejection, SignatureMismatch, StoredApiKey, VerifiedSignature};
use crate::access::AccessRule;
use crate::clock::Clock;
use crate::scheme::{AUTHORIZATION_API_KEY, X_API_KEY};
use crate::{BodyDigest, BufferedBody, CanonicalRequest, OwnerKey};

/// The configuration of a layer.
#[derive(Clone)]
pub(super) struct Verifier {
    pub(super) body_limit: usize,
    pub(super) drain_limits: DrainLimits,
    pub(super) date_tolerance: Duration,
    pub(super) upload_duration: Duration,
    pub(super) access: AccessRule,
    /// What a proxy took off the path, without a trailing slash.
    pub(super) stripped_prefix: Box<str>,
    #[cfg(feature = "explain")]
    pub(super) explain: Option<Explain>,
    pub(super) clock: Clock,
}

/// A request that passes.
pub(super) struct Accepted {
    pub(super) identity: Identity,
    pub(super) signature: Option<VerifiedSignature>,
}

impl Verifier {
    /// Checks that a date is near the layer's clock, and returns it.
    pub(super) fn check_date(&self, date: u64) -> Result<u64, Reason> {
        if self.clock.now().is_some_and(|now| date.abs_diff(now) <= self.date_tolerance.as_secs()) {
            return Ok(date);
        }
        let date = i64::try_from(date).unwrap_or(i64::MAX);
        Err(Reason::DateOutOfTolerance { offset_secs: date.saturating_sub(self.clock.secs()) })
    }

    /// Checks that the body was complete in time, and that one of the keys made the signature, for this request and a
    /// body of this digest.
    pub(super) fn verify_signature(
        &self,
        presented: PresentedSignature,
        keys: &[OwnerKey],
        head: &Parts,
        body: &BufferedBody,
        digest: BodyDigest,
    ) -> Result<Accepted, Rejection> {
        let PresentedSignature { key, id, signature, date } = presented;
        let valid_until = self.valid_until(date);
        if let Err(reason) = self.check_upload_duration(date, valid_until) {
            return Err(Rejection::of_key(key, reason));
        }
        // Neither header is repeated, or the request would have been malformed.
        let header = |name| head.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let path = whole_path(&self.stripped_prefix, &head.uri, &head.extensions);
        let canonical = CanonicalRequest::for_path(&head.method, &path, header(CONTENT_TYPE), header(DATE), digest);
        let Some(signer) = keys.iter().find(|key| key.verify(&canonical, &signature)) else {
            let mismatch = SignatureMismatch::new(id, &canonical, body.bytes().len());
            #[cfg(feature = "explain")]
            let mismatch = self.explain(mismatch, (&signature, keys), head, (body, digest));
            return Err(Rejection::of_key(key, Reason::InvalidSignature(mismatch)));
        };
        let identity = Identity::of_owner_key(signer);
        let signature = VerifiedSignature::by_clock(self.clock.clone(), id, signature, date, valid_until);
        Ok(Accepted { identity, signature: Some(signature) })
    }

    /// Returns what the JSON of a response says beside the code and the message of a rejection: nothing.
    #[cfg(not(feature = "explain"))]
    #[expect(clippy::unused_self)] // feature `explain` has more to say
    pub(super) fn details(&self, _: &Rejection) -> String {
        String::new()
    }

    /// Returns the last second in which the body of a request of this date may be complete.
    fn valid_until(&self, date: u64) -> u64 {
        date.saturating_add(self.date_tolerance.as_secs()).saturating_add(self.upload_duration.as_secs())
    }

    fn check_upload_duration(&self, date: u64, valid_until: u64) -> Result<(), Reason> {
        if self.clock.now().is_some_and(|now| now <= valid_until) {
            return Ok(());
        }
        let elapsed = self.clock.secs().saturating_sub_unsigned(date);
        Err(Reason::UploadTooSlow { elapsed_secs: u64::try_from(elapsed).unwrap_or(0) })
    }
}

impl PresentedApiKey {
    /// Checks that the key is stored, and that it grants access.
    pub(super) fn check_access(self, stored: Option<StoredApiKey>) -> Result<Accepted, Rejection> {
        let Some(stored) = stored else { return Err(Rejection::of_key(self.key, Reason::UnknownKey)) };
        let (required, granted) = (self.required, stored.access());
        let identity = stored.into_identity();
        if granted < required {
            let reason = Reason::Forbidden { required, granted };
            return Err(Rejection::of_identity(Some(self.key), Some(identity), reason));
        }
        Ok(Accepted { identity, signature: None })
    }
}

/// Adds the identity to the request, and marks the credentials as sensitive, so that they are not logged.
pub(super) fn attach_identity<ReqBody>(request: &mut Request<ReqBody>, accepted: Accepted) {
    // A request with both was rejected.
    let credential = if accepted.signature.is_some() { AUTHORIZATION_API_KEY } else { X_API_KEY };
    if let Some(value) = request.headers_mut().get_mut(credential) {
        value.set_sensitive(true);
    }
    request.extensions_mut().insert(accepted.identity);
    if let Some(signature) = accepted.signature {
        request.extensions_mut().insert(signature);
    }
}
