//! What happens to one request, in order: claimed, authorized, verified.

use std::sync::Arc;

use http::{
    Request,
    header::{CONTENT_TYPE, DATE},
};

use super::{
    Authenticated, Found, LogentriesVerifyLayer, Rejection,
    checks::{Claim, signed_path},
};
use crate::{
    Access, BodyDigest, CanonicalRequest, Signature,
    headers::{AUTHORIZATION_API_KEY, X_API_KEY},
};

/// How far a request has come once its key was looked up.
pub(super) enum Authorized {
    /// Its API key is enough.
    ByApiKey(Authenticated),
    /// The owner key that it names is known; the signature is still to be verified.
    BySignature(Signed),
}

/// A signature, and the keys of which one must have made it.
pub(super) struct Signed {
    id: Arc<str>,
    signature: Signature,
    found: Found,
}

impl<K, R> LogentriesVerifyLayer<K, R> {
    /// Checks the form of a request and the date of a signed one.
    pub(super) fn claim<B>(&self, request: &Request<B>) -> Result<Claim, Rejection> {
        let claim = Claim::of(request)?;
        match claim {
            Claim::Owner { date, .. } if !self.is_in_time(date) => Err(Rejection::DateOutsideWindow),
            claim => Ok(claim),
        }
    }

    fn is_in_time(&self, date: u64) -> bool {
        self.settings.clock.now().is_some_and(|now| date.abs_diff(now) <= self.settings.tolerance.as_secs())
    }

    /// Decides by what the store found, without a look at the body.
    pub(super) fn authorize<B>(
        &self,
        request: &Request<B>,
        claim: Claim,
        mut found: Found,
    ) -> Result<Authorized, Rejection> {
        match claim {
            Claim::Owner { id, signature, .. } => {
                found.owner_keys.retain(|key| key.id() == &*id);
                match found.owner_keys.is_empty() {
                    true => Err(Rejection::UnknownKey),
                    false => Ok(Authorized::BySignature(Signed { id, signature, found })),
                }
            }
            Claim::ApiKey(_) => {
                let required =
                    self.settings.access.required_below(request.method(), request.uri().path(), signed_path(request));
                let held = found.api_key.ok_or(Rejection::UnknownKey)?;
                if held < required {
                    return Err(Rejection::Forbidden { required, held });
                }
                let Found { api_key_id, principal, .. } = found;
                Ok(Authorized::ByApiKey(Authenticated { access: held, api_key_id, principal }))
            }
        }
    }
}

impl Signed {
    /// Whether one of the keys made the signature, for this request and a body of this digest.
    pub(super) fn verify<B>(self, request: &Request<B>, digest: BodyDigest) -> Result<Authenticated, Rejection> {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let date = text(DATE).unwrap_or_default();
        let (method, path) = (request.method(), signed_path(request));
        let canonical = CanonicalRequest::of_path(method, path, text(CONTENT_TYPE), date, digest);
        let Self { id, signature, found } = self;
        match found.owner_keys.iter().any(|key| key.verify(&canonical, &signature)) {
            true => Ok(Authenticated { access: Access::Owner, api_key_id: Some(id), principal: found.principal }),
            false => Err(Rejection::WrongSignature),
        }
    }
}

/// Leaves in the request what the inner service may know, and nothing that it would log by accident.
pub(super) fn introduce<B>(request: &mut Request<B>, who: Authenticated) {
    for name in [&X_API_KEY, &AUTHORIZATION_API_KEY] {
        if let Some(value) = request.headers_mut().get_mut(name) {
            value.set_sensitive(true);
        }
    }
    request.extensions_mut().insert(who);
}
