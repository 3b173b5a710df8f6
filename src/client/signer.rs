//! What happens to a request before its body is read: its origin is checked, its key is chosen, and what will be signed is
//! brought into the form in which it arrives.

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use http_body::Body;

use super::origin::{Origin, Target};
use super::request::{Head, Overrides};
use super::skew::{OriginClocks, SkewCheck};
use super::{AuthError, HttpRequest, UntrustedOrigins};
use crate::access::{AccessRule, Required};
use crate::credentials::ChosenKey;
use crate::scheme::{AUTHORIZATION_API_KEY, DuplicateHeader, X_API_KEY, is_signable, single_value};
use crate::trace::{self, Subject};
use crate::{Access, BodyDigest, CredentialsHandle, OwnerKey};

/// The configuration of a layer. Clones share the credentials and the clocks of origins.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) credentials: CredentialsHandle,
    pub(super) clocks: Arc<OriginClocks>,
    pub(super) corrects_clock_skew: bool,
    pub(super) body_limit: usize,
    pub(super) trusted_origins: Vec<Origin<'static>>,
    pub(super) untrusted_origins: UntrustedOrigins,
    pub(super) assumed_origin: Option<Origin<'static>>,
    pub(super) access: AccessRule,
    pub(super) default_content_type: Option<HeaderValue>,
}

/// What is left to do for a request.
pub(super) enum Step {
    /// To send it, and to inspect its response.
    Send(Option<SkewCheck>),
    /// To read its body, and to sign it.
    Read(Signing),
}

/// What a request is signed with.
pub(super) struct Signing {
    /// The key that was current when the request arrived.
    pub(super) key: OwnerKey,
    /// The origin whose clock dates it, if clocks are corrected.
    pub(super) dating_origin: Option<Arc<Origin<'static>>>,
}

/// What is known of a body.
pub(super) enum KnownBody {
    Empty,
    /// It was read, and has this digest.
    Read(BodyDigest),
    /// It was not read, and has this digest according to the request's extensions.
    Hashed(BodyDigest),
}

impl KnownBody {
    /// Returns `None` if the body has to be read.
    fn of(body: Option<&impl Body>, digest: Option<BodyDigest>) -> Option<Self> {
        let Some(body) = body.filter(|body| !body.is_end_stream()) else { return Some(Self::Empty) };
        // The digest may be left over from before a redirect, so a body that claims to be empty is read all the same.
        digest.filter(|_| body.size_hint().upper() != Some(0)).map(Self::Hashed)
    }

    pub(super) fn digest(&self) -> BodyDigest {
        match self {
            Self::Empty => BodyDigest::EMPTY,
            Self::Read(digest) | Self::Hashed(digest) => *digest,
        }
    }
}

impl Signer {
    /// Authenticates a request, unless its body has to be read first. `overrides` take the place of those in the request's
    /// own extensions.
    pub(super) fn begin<Req: HttpRequest>(
        &self,
        request: &mut Req,
        overrides: Option<Overrides>,
    ) -> Result<Step, AuthError> {
        let Overrides { access, digest } = overrides.unwrap_or_else(|| request.overrides());
        let known = KnownBody::of(request.body(), digest);
        let len = request.body().map_or(Some(0), |body| body.size_hint().exact());
        match (self.prepare(request, access, len)?, known) {
            (None, _) => Ok(Step::Send(None)),
            (Some(signing), Some(known)) => Ok(Step::Send(self.sign(request, signing, known, len)?)),
            (Some(signing), None) => Ok(Step::Read(signing)),
        }
    }

    /// Authenticates a request with an API key, or returns what it has to be signed with. A request to an untrusted origin
    /// is stripped of credentials, if the layer does not reject it.
    pub(super) fn prepare(
        &self,
        head: &mut impl Head,
        access: Option<Access>,
        body_len: Option<u64>,
    ) -> Result<Option<Signing>, AuthError> {
        let prepared = self.choose_key(head, access, body_len);
        prepared.inspect_err(|error| trace::not_sent(&self.subject(head), error))
    }

    fn choose_key(
        &self,
        head: &mut impl Head,
        access: Option<Access>,
        body_len: Option<u64>,
    ) -> Result<Option<Signing>, AuthError> {
        let Some(origin) = self.check_origin(head)? else {
            head.headers_mut().remove(X_API_KEY);
            head.headers_mut().remove(AUTHORIZATION_API_KEY);
            trace::sending(&self.subject(head), None, None, body_len, false);
            return Ok(None);
        };
        let required = access.map_or_else(|| self.access.required_of_client(head.method(), head.path()), Required::As);
        let key = self.credentials.choose_key(required, origin.is_platform());
        match key.ok_or_else(|| AuthError::InsufficientAccess { required: required.strongest() })? {
            ChosenKey::Owner(key) => {
                let dating_origin = self.corrects_clock_skew.then(|| self.clocks.kept_origin(&origin));
                self.normalize(head)?;
                Ok(Some(Signing { key, dating_origin }))
            }
            ChosenKey::Api(key) => {
                head.headers_mut().remove(AUTHORIZATION_API_KEY);
                head.headers_mut().try_insert(X_API_KEY, key)?;
                trace::sending(&self.subject(head), Some(&required), None, body_len, false);
                Ok(None)
            }
        }
    }

    /// Returns the trusted origin that the request goes to, or `None` if it is sent without credentials.
    fn check_origin<'a>(&'a self, head: &'a impl Head) -> Result<Option<Origin<'a>>, AuthError> {
        let origin = match self.target(head) {
            Target::Origin(origin) => origin,
            Target::MissingAuthority => return Err(AuthError::MissingAuthority),
            Target::Invalid => return self.untrusted(|| AuthError::InvalidAuthority),
        };
        if origin.is_insecure() {
            return self.untrusted(|| AuthError::InsecureOrigin { origin: origin.to_string() });
        }
        if !origin.is_rapid7() && !self.trusted_origins.contains(&origin) {
            return self.untrusted(|| AuthError::UntrustedOrigin { origin: origin.to_string() });
        }
        if !origin.agrees_with_host(head.headers()) {
            return Err(AuthError::HostMismatch { origin: origin.to_string() });
        }
        Ok(Some(origin))
    }

    fn untrusted<T>(&self, error: impl FnOnce() -> AuthError) -> Result<Option<T>, AuthError> {
        match self.untrusted_origins {
            UntrustedOrigins::StripCredentials => Ok(None),
            UntrustedOrigins::Reject => Err(error()),
        }
    }

    /// Brings what will be signed into the form in which it arrives, or fails if that is impossible.
    fn normalize(&self, head: &mut impl Head) -> Result<(), AuthError> {
        // CONNECT is sent with an authority instead of the path that was signed (RFC 9110, section 9.3.6).
        if !is_signable(head.method()) || *head.method() == Method::CONNECT {
            return Err(AuthError::UnsupportedMethod { method: head.method().clone() });
        }
        if !head.path().starts_with('/') {
            return Err(AuthError::MissingPath);
        }
        head.trim_path();
        head.headers_mut().remove(X_API_KEY);
        self.ensure_content_type(head.headers_mut())
    }

    fn ensure_content_type(&self, headers: &mut HeaderMap) -> Result<(), AuthError> {
        let sent = single_value(headers, CONTENT_TYPE).map_err(|DuplicateHeader| AuthError::DuplicateContentType)?;
        match (sent, &self.default_content_type) {
            (Some(value), _) if arrives_as_signed(value) => Ok(()),
            (None, Some(default)) if arrives_as_signed(default) => {
                Ok(headers.try_insert(CONTENT_TYPE, default.clone()).map(drop)?)
            }
            (None, None) => Ok(()),
            (Some(_), _) | (None, Some(_)) => Err(AuthError::InvalidContentType),
        }
    }

    /// Returns where a request goes: where its URI says, or else the assumed origin.
    fn target<'a>(&'a self, head: &'a impl Head) -> Target<'a> {
        match (head.target(), &self.assumed_origin) {
            (Target::MissingAuthority, Some(assumed)) => Target::Origin(assumed.as_ref()),
            (target, _) => target,
        }
    }

    /// Returns what events say of a request. Where it goes is determined only if somebody listens.
    pub(super) fn subject<'a, H: Head>(&'a self, head: &'a H) -> Subject<'a, impl fmt::Display + use<'a, H>> {
        Subject { method: head.method(), path: head.path(), origin: Destination(self, head) }
    }
}

/// Where a request goes, as events show it.
struct Destination<'a, H>(&'a Signer, &'a H);

impl<H: Head> fmt::Display for Destination<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.target(self.1).fmt(f)
    }
}

/// Returns whether a Content-Type arrives as it was signed: a receiver trims whitespace, and signs an empty one like none.
fn arrives_as_signed(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| !text.is_empty() && text.trim_ascii() == text)
}
