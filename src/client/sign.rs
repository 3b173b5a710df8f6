//! What happens to a request once its body is known: it is framed, dated and signed.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING};

use super::request::Head;
use super::signer::{KnownBody, Signer, Signing};
use super::skew::SkewCheck;
use super::{AuthError, HttpRequest};
use crate::body::{BodyError, Collect};
use crate::scheme::{AUTHORIZATION_API_KEY, anticipates_body};
use crate::{Access, BodyDigest, BufferedBody, CanonicalRequest, OwnerKey, RebuildBody, Signature, trace};

impl Signer {
    /// Takes the body out of a request. The caller reads it, and passes both to [`sign_body`](Self::sign_body).
    pub(super) fn take_body<Req: HttpRequest>(&self, request: Req) -> (Req::Head, Collect<Req::Body>) {
        let (head, body) = request.split();
        (head, Collect::new(body, self.body_limit))
    }

    /// Signs a request around its body, which was read.
    pub(super) fn sign_body<Req: HttpRequest>(
        &self,
        mut head: Req::Head,
        signing: Signing,
        collected: Result<(BufferedBody, BodyDigest), BodyError>,
        rebuild_body: &impl RebuildBody<Req::Body>,
    ) -> Result<(Req, Option<SkewCheck>), AuthError> {
        let rebuilt = collected.and_then(|(body, digest)| {
            let read = if body.is_empty() { KnownBody::Empty } else { KnownBody::Read(digest) };
            let len = body.bytes().len() as u64;
            Ok((rebuild_body.rebuild(body)?, read, len))
        });
        let rebuilt = rebuilt.map_err(AuthError::from);
        let (body, read, len) = rebuilt.inspect_err(|error| trace::not_sent(&self.subject(&head), error))?;
        let check = self.sign(&mut head, signing, read, Some(len))?;
        Ok((Req::join(head, body), check))
    }

    /// Signs a request with the current second as its date.
    pub(super) fn sign(
        &self,
        head: &mut impl Head,
        signing: Signing,
        body: KnownBody,
        body_len: Option<u64>,
    ) -> Result<Option<SkewCheck>, AuthError> {
        let dated = self.set_headers(head, &signing, &body);
        let (signed_at, used) = dated.inspect_err(|error| trace::not_sent(&self.subject(head), error))?;
        let (signed, is_buffered) = (Some((signing.key.id(), used)), matches!(body, KnownBody::Read(_)));
        trace::sending(&self.subject(head), Some(&Access::Owner), signed, body_len, is_buffered);
        let clocks = Arc::clone(&self.clocks);
        Ok(signing.dating_origin.map(|origin| SkewCheck { clocks, origin, signed_at, used }))
    }

    /// Frames, dates and signs a request. Returns the second by the layer's clock, and the offset that is in the date.
    fn set_headers(&self, head: &mut impl Head, signing: &Signing, body: &KnownBody) -> Result<(u64, i64), AuthError> {
        set_framing(head, body)?;
        let offset_secs = signing.dating_origin.as_deref().map_or(0, |origin| self.clocks.offset_secs(origin));
        let (date, second) = self.clocks.date(offset_secs).ok_or(AuthError::ClockOutOfRange)?;
        let content_type = head.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let (method, path) = (head.method(), head.path());
        let canonical = CanonicalRequest::for_path(method, path, content_type, date.as_bytes(), body.digest());
        let credential = credential(&signing.key, signing.key.sign(&canonical));

        let headers = head.headers_mut();
        headers.try_insert(AUTHORIZATION_API_KEY, credential)?;
        headers.try_insert(DATE, date)?;
        Ok((second, offset_secs))
    }
}

/// Removes framing headers that no longer apply, because hyper would obey them and truncate the body. Without a body, a
/// method that anticipates one gets the length of 0 that hyper omits and some servers require (RFC 9110, section 8.6).
fn set_framing(head: &mut impl Head, body: &KnownBody) -> Result<(), AuthError> {
    if let KnownBody::Hashed(_) = body {
        return Ok(());
    }
    let has_length = matches!(body, KnownBody::Empty) && anticipates_body(head.method());
    let headers = head.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    if has_length {
        headers.try_insert(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    Ok(())
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
