//! What happens to a request once its body is known: it is framed, dated and signed.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING};

use super::request::Head;
use super::signer::{KnownBody, Signer, Signing};
use super::skew::SkewCheck;
use super::{AuthError, HttpRequest};
use crate::body::BodyError;
use crate::scheme::{AUTHORIZATION_API_KEY, anticipates_body};
use crate::{Access, BodyDigest, BufferedBody, CanonicalRequest, OwnerKey, RebuildBody, Signature, trace};

/// A request that has to be signed, without its body.
pub(super) struct Unsigned<H> {
    pub(super) signer: Arc<Signer>,
    /// In the form in which it arrives.
    pub(super) head: H,
    /// With the key that was current when the request arrived.
    pub(super) signing: Signing,
}

impl<H: Head> Unsigned<H> {
    /// Signs the request around a body that was read.
    pub(super) fn sign_body<Req: HttpRequest<Head = H>>(
        mut self,
        collected: Result<(BufferedBody, BodyDigest), BodyError>,
        rebuild_body: &impl RebuildBody<Req::Body>,
    ) -> Result<(Req, Option<SkewCheck>), AuthError> {
        let rebuilt = collected.and_then(|(body, digest)| {
            let read = if body.is_empty() { KnownBody::Empty } else { KnownBody::Read(digest) };
            let len = body.bytes().len() as u64;
            Ok((rebuild_body.rebuild(body)?, read, len))
        });
        let (body, read, len) = rebuilt.map_err(|error| self.not_sent(error.into()))?;
        let check = self.sign(read, Some(len))?;
        Ok((Req::join(self.head, body), check))
    }

    /// Signs the request with the current second as its date. Call it once.
    pub(super) fn sign(&mut self, body: KnownBody, body_len: Option<u64>) -> Result<Option<SkewCheck>, AuthError> {
        let (signed_at, used) = self.set_headers(&body).map_err(|error| self.not_sent(error))?;
        let (signed, is_buffered) = (Some((self.signing.key.id(), used)), matches!(body, KnownBody::Read(_)));
        trace::sending(&self.signer.subject(&self.head), Some(&Access::Owner), signed, body_len, is_buffered);
        let (clocks, origin) = (Arc::clone(&self.signer.clocks), self.signing.dating_origin.take());
        Ok(origin.map(|origin| SkewCheck { clocks, origin, signed_at, used }))
    }

    /// Frames, dates and signs the request. Returns the second by the layer's clock, and the offset that is in the date.
    fn set_headers(&mut self, body: &KnownBody) -> Result<(u64, i64), AuthError> {
        self.set_framing(body)?;
        let clocks = &self.signer.clocks;
        let offset_secs = self.signing.dating_origin.as_deref().map_or(0, |origin| clocks.offset_secs(origin));
        let (date, second) = clocks.date(offset_secs).ok_or(AuthError::ClockOutOfRange)?;
        let content_type = self.head.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let (method, path) = (self.head.method(), self.head.path());
        let canonical = CanonicalRequest::for_path(method, path, content_type, date.as_bytes(), body.digest());
        let credential = credential(&self.signing.key, self.signing.key.sign(&canonical));

        let headers = self.head.headers_mut();
        headers.try_insert(AUTHORIZATION_API_KEY, credential)?;
        headers.try_insert(DATE, date)?;
        Ok((second, offset_secs))
    }

    /// Removes framing headers that no longer apply, because hyper would obey them and truncate the body. Without a
    /// body, a method that anticipates one gets the length of 0 that hyper omits and some servers require (RFC 9110,
    /// section 8.6).
    fn set_framing(&mut self, body: &KnownBody) -> Result<(), AuthError> {
        if let KnownBody::Hashed(_) = body {
            return Ok(());
        }
        let has_length = matches!(body, KnownBody::Empty) && anticipates_body(self.head.method());
        let headers = self.head.headers_mut();
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONTENT_LENGTH);
        if has_length {
            headers.try_insert(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
        }
        Ok(())
    }

    fn not_sent(&self, error: AuthError) -> AuthError {
        trace::not_sent(&self.signer.subject(&self.head), &error);
        error
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
