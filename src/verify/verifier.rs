//! The decisions about one request, in order: authenticate the head, authorize the key, verify the digest.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request, Version, header::EXPECT, request::Parts};
use http_body::Body;

use super::{
    Authenticated, Mismatch, Rejection, StoredKey, VerifiedSignature,
    explain::explain_mismatch,
    keys::{Grant, OwnerKeys},
    presented::{PresentedCredentials, signed_path},
};
use crate::{
    Access, BodyDigest, BufferedBody, CanonicalRequest, Signature,
    access::AccessRule,
    body::{Drain, DrainLimits},
    clock::{Clock, DateParser},
    headers::{AUTHORIZATION_API_KEY, SchemeHeaders, X_API_KEY},
};

/// The configuration of a layer.
#[derive(Debug, Clone)]
pub(super) struct Verifier {
    pub(super) body_limit: usize,
    pub(super) drain_limits: DrainLimits,
    pub(super) date_tolerance: Duration,
    pub(super) upload_time: Duration,
    pub(super) access: AccessRule,
    pub(super) explains_rejections: bool,
    pub(super) clock: Clock,
    pub(super) dates: DateParser,
}

/// What the stored key allows, before the body is read.
pub(super) enum Authorization {
    /// The API key grants enough access.
    Granted(Accepted),
    /// The owner key is known. The signature is still to be verified.
    AwaitingSignature(UnverifiedSignature),
}

/// A request that passes.
pub(super) struct Accepted {
    pub(super) identity: Authenticated,
    pub(super) signature: Option<VerifiedSignature>,
}

/// A signature, and the keys of which one must have made it.
pub(super) struct UnverifiedSignature {
    id: Arc<str>,
    signature: Signature,
    keys: OwnerKeys,
    date: u64,
    valid_until: u64,
    clock: Clock,
    is_explained: bool,
}

/// Why a principal for a whole entry of owner keys is an error: its keys may belong to several accounts.
const PRINCIPAL_OF_NO_KEY: &str = "the key store set a principal on an entry of owner keys, not on a key: use \
    `OwnerKey::with_principal` instead of `StoredKey::with_principal`";

impl Verifier {
    /// Parses the credentials of a request, and checks the date of a signed one.
    pub(super) fn authenticate<ReqBody>(&self, request: &Request<ReqBody>) -> Result<PresentedCredentials, Rejection> {
        let credentials = PresentedCredentials::parse(request, &self.dates)?;
        if let PresentedCredentials::Owner { date, .. } = credentials {
            self.check_date(date)?;
        }
        Ok(credentials)
    }

    fn check_date(&self, date: u64) -> Result<(), Rejection> {
        if self.clock.now().is_some_and(|now| date.abs_diff(now) <= self.date_tolerance.as_secs()) {
            return Ok(());
        }
        let date = i64::try_from(date).unwrap_or(i64::MAX);
        Err(Rejection::DateOutOfTolerance { offset_secs: date.saturating_sub(self.clock.secs()) })
    }

    /// Returns how to read on after a rejection, if the response would not arrive otherwise.
    pub(super) fn drain(&self, head: &Parts, body: &impl Body, is_unread: bool) -> Option<Drain> {
        // Over HTTP/2 a response does not depend on the request's end. A client that waits for `100 Continue` sends
        // nothing.
        let is_waiting = is_unread && head.headers.contains_key(EXPECT);
        if head.version >= Version::HTTP_2 || is_waiting { None } else { Drain::start(body, self.drain_limits) }
    }

    /// Returns the last second in which the body of a request of this date may be complete.
    fn valid_until(&self, date: u64) -> u64 {
        date.saturating_add(self.date_tolerance.as_secs()).saturating_add(self.upload_time.as_secs())
    }

    /// Decides by what the store knows about the key, before the body is read.
    pub(super) fn authorize<ReqBody>(
        &self,
        request: &Request<ReqBody>,
        credentials: PresentedCredentials,
        stored: Option<StoredKey>,
    ) -> Result<Authorization, Rejection> {
        let StoredKey { grant, id, principal } = stored.ok_or(Rejection::UnknownKey)?;
        match (credentials, grant) {
            (PresentedCredentials::Owner { .. }, Grant::Owner(_)) if principal.is_some() => {
                Err(Rejection::key_store_unavailable(PRINCIPAL_OF_NO_KEY))
            }
            (PresentedCredentials::Owner { id, signature, date }, Grant::Owner(keys)) => {
                if keys.with_id(&id).next().is_none() {
                    return Err(Rejection::UnknownKey);
                }
                let (valid_until, clock) = (self.valid_until(date), self.clock.clone());
                let is_explained = self.explains_rejections;
                let unverified = UnverifiedSignature { id, signature, keys, date, valid_until, clock, is_explained };
                Ok(Authorization::AwaitingSignature(unverified))
            }
            (PresentedCredentials::ApiKey(_), Grant::ApiKey(granted)) => {
                let path = request.uri().path();
                let required = self.access.required_below(
                    request.method(),
                    path,
                    signed_path(request.uri(), request.extensions()),
                );
                if granted < required {
                    return Err(Rejection::Forbidden { required, granted, key_id: id });
                }
                let identity = Authenticated { access: granted, key_id: id, key_label: None, principal };
                Ok(Authorization::Granted(Accepted { identity, signature: None }))
            }
            (PresentedCredentials::Owner { .. }, Grant::ApiKey(_))
            | (PresentedCredentials::ApiKey(_), Grant::Owner(_)) => Err(Rejection::UnknownKey),
        }
    }
}

impl UnverifiedSignature {
    /// Checks that the body was complete in time, and that one of the keys made the signature, for this request and a
    /// body of this digest.
    pub(super) fn verify(self, head: &Parts, body: &BufferedBody, digest: BodyDigest) -> Result<Accepted, Rejection> {
        self.check_upload_time()?;
        let headers = SchemeHeaders::of(&head.headers);
        // Neither is repeated, or the request would have been malformed.
        let [content_type, date] = [headers.content_type, headers.date]
            .map(|header| header.single().ok().flatten().map(HeaderValue::as_bytes).unwrap_or_default());
        let path = signed_path(&head.uri, &head.extensions);
        let canonical = CanonicalRequest::for_path(&head.method, path, content_type, date, digest);
        let Self { id, signature, keys, valid_until, clock, is_explained, .. } = self;
        let Some(signer) = keys.with_id(&id).find(|key| key.verify(&canonical, &signature)) else {
            let mut mismatch = Mismatch::new(Arc::clone(&id), &canonical, body.len());
            if is_explained {
                let mistakes = explain_mismatch(head, body, digest, &signature, keys.with_id(&id));
                mismatch = mismatch.explained(mistakes);
            }
            return Err(Rejection::InvalidSignature(Box::new(mismatch)));
        };
        let (key_label, principal) = (signer.label().cloned(), signer.principal().cloned());
        let signature = Some(VerifiedSignature::new(Arc::clone(&id), signature, valid_until, clock));
        let identity = Authenticated { access: Access::Owner, key_id: Some(id), key_label, principal };
        Ok(Accepted { identity, signature })
    }

    fn check_upload_time(&self) -> Result<(), Rejection> {
        if self.clock.now().is_some_and(|now| now <= self.valid_until) {
            return Ok(());
        }
        let elapsed = self.clock.secs().saturating_sub_unsigned(self.date);
        Err(Rejection::UploadTooSlow { elapsed_secs: u64::try_from(elapsed).unwrap_or(0) })
    }
}

/// Adds the identity to the request, and marks the credentials as sensitive, so that they are not logged.
pub(super) fn attach_identity<ReqBody>(request: &mut Request<ReqBody>, accepted: Accepted) {
    // A request with both was rejected.
    let credential = if accepted.signature.is_some() { &AUTHORIZATION_API_KEY } else { &X_API_KEY };
    let mut credentials = request.headers_mut().iter_mut().filter(|(name, _)| *name == credential);
    if let Some((_, value)) = credentials.next() {
        value.set_sensitive(true);
    }
    request.extensions_mut().insert(accepted.identity);
    if let Some(signature) = accepted.signature {
        request.extensions_mut().insert(signature);
    }
}
