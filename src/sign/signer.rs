//! What happens to one request, in order: its origin is checked, its key chosen, its body read if it must be, and it is
//! signed.
//!
//! The tower service and the reqwest middleware both run [`Signer::prepare`], and after reading a body
//! [`PendingSignature::rebuild`] and [`Signer::sign_buffered`]. They differ only in how they wait.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING},
};
use http_body::Body;

use super::{
    AuthError, HttpRequest, InvalidOrigin, UntrustedOrigins,
    content_type::{DefaultContentType, add_nonce, arrives_as_signed},
    request::RequestOverrides,
    skew::{Dated, OriginClock, OriginClocks, SkewCheck},
};
use crate::{
    Access, BodyDigest, BufferedBody, CanonicalRequest, CredentialsHandle, OwnerKey, RebuildBody, Signature,
    access::AccessRule,
    body::{BodyError, Collect},
    canonical,
    credentials::Key,
    headers::{AUTHORIZATION_API_KEY, DuplicateHeader, PresentHeaders, X_API_KEY, keep_end_to_end, single_value},
    origin::{Origin, OriginRef, Target},
    trace,
};

/// The configuration of a layer. Clones share the credentials and the clocks of origins.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(super) credentials: CredentialsHandle,
    pub(super) origin_clocks: OriginClocks,
    pub(super) body_limit: usize,
    pub(super) trusted_origins: Vec<Origin>,
    pub(super) untrusted_origins: UntrustedOrigins,
    pub(super) assumed_origin: Option<Origin>,
    pub(super) access: AccessRule,
    pub(super) default_content_type: Option<DefaultContentType>,
    pub(super) corrects_clock_skew: bool,
    pub(super) has_nonce: bool,
}

/// A request whose origin was checked and whose key was chosen.
pub(crate) enum Prepared {
    /// It can be sent.
    Ready(Option<SkewCheck>),
    /// Its body has to be read before it can be signed.
    NeedsBody(PendingSignature),
}

/// What a request will be signed with: the key that was current when it arrived, and the clock of its origin.
pub(crate) struct PendingSignature {
    key: OwnerKey,
    origin: Arc<OriginClock>,
    /// Whether the request has the layer's Content-Type, which then need not be looked up.
    has_default_content_type: bool,
    is_buffered: bool,
}

impl Signer {
    /// Returns the offset in force for an origin, in seconds.
    pub(super) fn clock_offset_secs(&self, origin: &str) -> Result<i64, InvalidOrigin> {
        Ok(self.origin_clocks.offset_secs(&Origin::parse(origin)?))
    }

    /// Checks where the request goes, chooses its key, and signs it unless its body has to be read for that.
    pub(crate) fn prepare<Req: HttpRequest>(
        &self,
        request: &mut Req,
        overrides: RequestOverrides,
    ) -> Result<Prepared, AuthError> {
        let prepared = self.choose_key(request, overrides);
        if let Err(error) = &prepared {
            trace::not_sent(self.subject(request), error);
        }
        prepared
    }

    /// What events say of a request.
    fn subject<'a, Req: HttpRequest>(
        &'a self,
        request: &'a Req,
    ) -> trace::Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>> {
        let origin = || match request.target() {
            Target::Origin(origin) => Some(origin),
            Target::MissingAuthority => self.assumed_origin.as_ref().map(Origin::as_ref),
            Target::Invalid => None,
        };
        trace::Subject { method: request.method(), path: request.path(), origin }
    }

    fn choose_key<Req: HttpRequest>(
        &self,
        request: &mut Req,
        overrides: RequestOverrides,
    ) -> Result<Prepared, AuthError> {
        let present = PresentHeaders::of(request.headers());
        let Some(origin) = self.trusted_destination(request, present)? else {
            if present.x_api_key {
                request.headers_mut().remove(&X_API_KEY);
            }
            if present.authorization_api_key {
                request.headers_mut().remove(&AUTHORIZATION_API_KEY);
            }
            trace::credentials_stripped(self.subject(request));
            return Ok(Prepared::Ready(None));
        };
        let required = overrides.access.or_else(|| self.access.required_of_client(request.method(), request.path()));
        let key = self.credentials.least_privileged(required, origin.is_platform());
        let required = required.unwrap_or(Access::ReadWrite);
        match key.ok_or_else(|| AuthError::InsufficientAccess { required })? {
            Key::Api(key) => {
                let headers = request.headers_mut();
                if present.authorization_api_key {
                    headers.remove(&AUTHORIZATION_API_KEY);
                }
                headers.try_insert(&X_API_KEY, key)?;
                if present.connection {
                    keep_end_to_end(headers)?;
                }
                trace::sending_with_api_key(self.subject(request), required, request.body());
                Ok(Prepared::Ready(None))
            }
            Key::Owner(key) => {
                let body = SignableBody::of(request.body(), overrides.digest);
                let is_buffered = matches!(body, SignableBody::Unread);
                let origin = self.origin_clocks.of(origin);
                let has_default_content_type = self.normalize(request, present, &body)?;
                let pending = PendingSignature { key, origin, has_default_content_type, is_buffered };
                let digest = match body {
                    SignableBody::Empty => BodyDigest::EMPTY,
                    SignableBody::Hashed(digest) => digest,
                    SignableBody::Unread => return Ok(Prepared::NeedsBody(pending)),
                };
                Ok(Prepared::Ready(self.sign(request, pending, digest)?))
            }
        }
    }

    /// Returns the trusted origin that the request goes to, or `None` if it is sent without credentials.
    fn trusted_destination<'a, Req: HttpRequest>(
        &'a self,
        request: &'a Req,
        present: PresentHeaders,
    ) -> Result<Option<OriginRef<'a>>, AuthError> {
        let origin = match (request.target(), &self.assumed_origin) {
            (Target::Origin(origin), _) => origin,
            (Target::MissingAuthority, Some(assumed)) => assumed.as_ref(),
            (Target::MissingAuthority, None) => return Err(AuthError::MissingAuthority),
            (Target::Invalid, _) => return self.untrusted_origin(|| AuthError::InvalidAuthority),
        };
        if !origin.is_https() && origin.has_rapid7_host() {
            return self.untrusted_origin(|| AuthError::InsecureOrigin { origin: origin.to_string() });
        }
        if !self.trusts(origin) {
            return self.untrusted_origin(|| AuthError::UntrustedOrigin { origin: origin.to_string() });
        }
        if present.host && !origin.agrees_with_host(request.headers()) {
            return Err(AuthError::HostMismatch { origin: origin.to_string() });
        }
        Ok(Some(origin))
    }

    #[inline]
    fn trusts(&self, origin: OriginRef<'_>) -> bool {
        origin.is_rapid7() || self.trusted_origins.iter().any(|trusted| trusted.is(origin))
    }

    fn untrusted_origin<T>(&self, error: impl FnOnce() -> AuthError) -> Result<Option<T>, AuthError> {
        match self.untrusted_origins {
            UntrustedOrigins::StripCredentials => Ok(None),
            UntrustedOrigins::Reject => Err(error()),
        }
    }

    /// Normalizes what will be signed to the form in which it arrives, or fails if that is impossible. Returns whether the
    /// Content-Type is the default one.
    fn normalize<Req: HttpRequest>(
        &self,
        request: &mut Req,
        present: PresentHeaders,
        body: &SignableBody,
    ) -> Result<bool, AuthError> {
        // CONNECT is sent with an authority in the place of the path that was signed (RFC 9110, section 9.3.6).
        if !canonical::is_unambiguous(request.method()) || *request.method() == Method::CONNECT {
            return Err(AuthError::UnsupportedMethod { method: request.method().clone() });
        }
        if !request.path().starts_with('/') {
            return Err(AuthError::MissingPath);
        }
        request.trim_path();
        let headers = request.headers_mut();
        if present.x_api_key {
            headers.remove(&X_API_KEY);
        }
        if present.framing {
            body.normalize_framing(headers)?;
        }
        if present.connection {
            keep_end_to_end(headers)?;
        }
        self.ensure_content_type(headers, present)?;
        let adds_nonce = self.has_nonce && !canonical::is_safe(request.method());
        if adds_nonce {
            add_nonce(request.headers_mut())?;
        }
        Ok(!present.content_type && !adds_nonce)
    }

    #[inline]
    fn ensure_content_type(&self, headers: &mut HeaderMap, present: PresentHeaders) -> Result<(), AuthError> {
        if present.content_type {
            let content_type = single_value(headers, &CONTENT_TYPE);
            let content_type = content_type.map_err(|DuplicateHeader| AuthError::DuplicateContentType)?;
            return if content_type.is_some_and(arrives_as_signed) {
                Ok(())
            } else {
                Err(AuthError::InvalidContentType)
            };
        }
        match &self.default_content_type {
            Some(default) if !default.arrives_as_signed => Err(AuthError::InvalidContentType),
            Some(default) => Ok(headers.try_insert(CONTENT_TYPE, default.value.clone()).map(drop)?),
            None => Ok(()),
        }
    }

    /// Starts to read a body that has to be signed.
    pub(crate) fn collect<B: Body>(&self, body: B, rebuild: &impl RebuildBody<B>) -> Collect<B> {
        Collect::new(body, self.body_limit, rebuild.joins_chunks())
    }

    /// Signs a request around a body that was rebuilt.
    pub(crate) fn sign_buffered<Req: HttpRequest>(
        &self,
        request: &mut Req,
        pending: PendingSignature,
        digest: BodyDigest,
    ) -> Result<Option<SkewCheck>, AuthError> {
        let signed = self.sign(request, pending, digest);
        signed.inspect_err(|error| trace::not_sent(self.subject(request), error))
    }

    /// Signs the request with the current second as its date.
    fn sign<Req: HttpRequest>(
        &self,
        request: &mut Req,
        pending: PendingSignature,
        digest: BodyDigest,
    ) -> Result<Option<SkewCheck>, AuthError> {
        let PendingSignature { key, origin, has_default_content_type, is_buffered } = pending;
        let Some(Dated { date, second, offset_secs }) = origin.date(self.corrects_clock_skew) else {
            return Err(AuthError::ClockOutOfRange);
        };

        let content_type = if has_default_content_type {
            self.default_content_type.as_ref().map(|default| &default.value)
        } else {
            request.headers().get(CONTENT_TYPE)
        };
        let content_type = content_type.map(HeaderValue::as_bytes).unwrap_or_default();
        let (method, path) = (request.method(), request.path());
        let canonical = CanonicalRequest::for_path(method, path, content_type, date.as_bytes(), digest);
        let credential = credential(&key, key.sign(&canonical));

        let headers = request.headers_mut();
        headers.try_insert(&AUTHORIZATION_API_KEY, credential)?;
        headers.try_insert(DATE, date)?;
        trace::sending_signed(self.subject(request), key.id(), request.body(), is_buffered, offset_secs);
        Ok(self.corrects_clock_skew.then(|| SkewCheck { origin, signed_at: second, used: offset_secs }))
    }
}

impl PendingSignature {
    /// Rebuilds the body that was read.
    pub(crate) fn rebuild<Req: HttpRequest>(
        &self,
        head: &Req::Head,
        collected: Result<(BufferedBody, BodyDigest), BodyError>,
        rebuild: &impl RebuildBody<Req::Body>,
    ) -> Result<(Req::Body, BodyDigest), AuthError> {
        let rebuilt = collected.and_then(|(body, digest)| {
            let body = rebuild.rebuild(body).ok_or(BodyError::UnsupportedTrailers)?;
            Ok((body, digest))
        });
        rebuilt.map_err(AuthError::from).inspect_err(|error| {
            let (method, path) = Req::line(head);
            trace::not_sent(trace::Subject { method, path, origin: || Some(self.origin.origin()) }, error);
        })
    }
}

/// What is known of a body before it is read.
enum SignableBody {
    Empty,
    Hashed(BodyDigest),
    Unread,
}

impl SignableBody {
    fn of(body: Option<&impl Body>, digest: Option<BodyDigest>) -> Self {
        match (body.filter(|body| !body.is_end_stream()), digest) {
            (None, _) => Self::Empty,
            // A body that claims to be empty is read, whatever a digest left over from a redirect says of it.
            (Some(body), Some(digest)) if body.size_hint().upper() != Some(0) => Self::Hashed(digest),
            _ => Self::Unread,
        }
    }

    /// Removes framing headers that no longer apply: hyper obeys what a caller set, and truncates the body.
    fn normalize_framing(&self, headers: &mut HeaderMap) -> Result<(), AuthError> {
        if let Self::Hashed(_) = self {
            return Ok(());
        }
        headers.remove(TRANSFER_ENCODING);
        // hyper omits the length of an empty body, which some servers require.
        if headers.remove(CONTENT_LENGTH).is_some() && matches!(self, Self::Empty) {
            headers.try_insert(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
        }
        Ok(())
    }
}

/// Builds `key-id:signature` in one allocation of exactly its size.
fn credential(key: &OwnerKey, signature: Signature) -> HeaderValue {
    let mut text = Vec::with_capacity(key.id().len() + 1 + Signature::LEN);
    text.extend_from_slice(key.id().as_bytes());
    text.push(b':');
    text.extend_from_slice(&signature.to_base64());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(text)).expect("ids and base64 are visible ASCII");
    value.set_sensitive(true);
    value
}
