//! What happens to one request, in order: admitted, read where it must be, signed; and to its response: watched.
//!
//! The service and the reqwest middleware walk the same steps. They differ in how they wait.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AGE, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING},
};
use http_body::Body;

use super::{AuthError, HttpRequest, HttpResponse, LogentriesAuthLayer, Untrusted, layer::Settings, request::Wishes};
use crate::{
    BodyDigest, BufferedBody, CanonicalRequest, OwnerKey, Rebuild, Signature,
    body::{Reader, rebuild},
    canonical,
    clock::{self, Clock, ClockCorrected, OriginClock},
    credentials::Key,
    headers::{AUTHORIZATION_API_KEY, Doubled, X_API_KEY, only},
    origin::{OriginRef, Target},
    trace,
};

/// What to do with an admitted request.
pub(crate) enum Step {
    /// It is complete.
    Send(Option<Watch>),
    /// Its body has to be read first.
    Read(Pen),
}

/// What signs one request: the key that was current when it came, and the clock of the origin that it goes to.
pub(crate) struct Pen {
    key: OwnerKey,
    clock: Arc<OriginClock>,
    reads: bool,
}

/// What is known of a body before it is read.
enum Content {
    Empty,
    Hashed(BodyDigest),
    Unread,
}

impl Settings {
    /// Checks where the request goes, chooses its key, and signs it where its body need not be read for that.
    #[inline]
    pub(crate) fn admit<Q: HttpRequest>(&self, request: &mut Q, wishes: Wishes) -> Result<Step, AuthError> {
        let Some(origin) = self.destination(request)? else {
            request.headers_mut().remove(&X_API_KEY);
            request.headers_mut().remove(&AUTHORIZATION_API_KEY);
            trace::passed_through();
            return Ok(Step::Send(None));
        };
        let table = || self.access.required(request.method(), request.path());
        let required = wishes.access.unwrap_or_else(table);
        match self.credentials.least(required).ok_or(AuthError::NoKey { required })? {
            Key::Api(key) => {
                request.headers_mut().remove(&AUTHORIZATION_API_KEY);
                request.headers_mut().insert(&X_API_KEY, key);
                trace::sent_with_api_key(required, request.body());
                Ok(Step::Send(None))
            }
            Key::Owner(key) => {
                let content = Content::of(request.body(), wishes.digest);
                let pen = Pen { key, clock: self.clocks.of(origin), reads: matches!(content, Content::Unread) };
                self.normalize(request, &content)?;
                match content {
                    Content::Empty => Ok(Step::Send(self.sign(request, pen, BodyDigest::EMPTY)?)),
                    Content::Hashed(digest) => Ok(Step::Send(self.sign(request, pen, digest)?)),
                    Content::Unread => Ok(Step::Read(pen)),
                }
            }
        }
    }

    /// The origin that the request goes to, or `None` where it passes without credentials.
    fn destination<'a, Q: HttpRequest>(&'a self, request: &'a Q) -> Result<Option<OriginRef<'a>>, AuthError> {
        let origin = match (request.target(), &self.assumed) {
            (Target::Origin(origin), _) => origin,
            (Target::Unnamed, Some(assumed)) => assumed.as_ref(),
            (Target::Unnamed, None) => return Err(AuthError::UnnamedOrigin),
            (Target::Unclear, _) => return self.elsewhere(AuthError::UnclearOrigin),
        };
        if !self.trusts(origin) {
            return self.elsewhere(AuthError::UntrustedOrigin { origin: origin.to_string() });
        }
        match origin.agrees_with_host(request.headers()) {
            true => Ok(Some(origin)),
            false => Err(AuthError::HostMismatch { origin: origin.to_string() }),
        }
    }

    fn elsewhere<T>(&self, error: AuthError) -> Result<Option<T>, AuthError> {
        match self.untrusted {
            Untrusted::PassThrough => Ok(None),
            Untrusted::Refuse => Err(error),
        }
    }

    /// Brings what will be signed into the form in which it arrives, or refuses what can't be.
    fn normalize<Q: HttpRequest>(&self, request: &mut Q, content: &Content) -> Result<(), AuthError> {
        if !canonical::is_unambiguous(request.method()) {
            return Err(AuthError::UnsignableMethod { method: request.method().clone() });
        }
        if !request.path().starts_with('/') {
            return Err(AuthError::UnsignableTarget);
        }
        request.trim_path();
        let headers = request.headers_mut();
        headers.remove(&X_API_KEY);
        content.settle_framing(headers);
        self.settle_content_type(headers)
    }

    fn settle_content_type(&self, headers: &mut HeaderMap) -> Result<(), AuthError> {
        match (only(headers, &CONTENT_TYPE), &self.content_type) {
            (Err(Doubled), _) => Err(AuthError::DoubledContentType),
            (Ok(Some(given)), _) => arrives_unchanged(given),
            (Ok(None), None) => Ok(()),
            (Ok(None), Some(default)) => {
                arrives_unchanged(default)?;
                headers.insert(CONTENT_TYPE, default.clone());
                Ok(())
            }
        }
    }

    /// Signs the request for the second that it is. Returns what watches over its response, where the clock is corrected.
    #[inline]
    fn sign<Q: HttpRequest>(&self, request: &mut Q, pen: Pen, digest: BodyDigest) -> Result<Option<Watch>, AuthError> {
        let now = self.clock.now().ok_or(AuthError::Clock)?;
        let (date, offset) = pen.clock.date(now, self.corrects_clock).ok_or(AuthError::Clock)?;

        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let date_text = date.to_str().unwrap_or_default();
        let canonical = CanonicalRequest::of_path(request.method(), request.path(), content_type, date_text, digest);
        let credential = credential(&pen.key, pen.key.sign(&canonical));

        let headers = request.headers_mut();
        headers.insert(&AUTHORIZATION_API_KEY, credential);
        headers.insert(DATE, date);
        trace::sent_signed(pen.key.id(), request.body(), pen.reads, offset);
        Ok(self.corrects_clock.then(|| Watch { clock: self.clock.clone(), origin: pen.clock, offset }))
    }
}

impl Content {
    fn of(body: Option<&impl Body>, given: Option<BodyDigest>) -> Self {
        match (body.filter(|body| !body.is_end_stream()), given) {
            (None, _) => Self::Empty,
            // A body that says it is empty is read, whatever a digest left over from a redirect says of it.
            (Some(body), Some(digest)) if body.size_hint().upper() != Some(0) => Self::Hashed(digest),
            _ => Self::Unread,
        }
    }

    /// hyper obeys the framing that a caller set, and cuts a body that by now has another.
    fn settle_framing(&self, headers: &mut HeaderMap) {
        if let Self::Hashed(_) = self {
            return;
        }
        headers.remove(TRANSFER_ENCODING);
        // hyper leaves out the length of an empty body, which some servers insist on.
        if headers.remove(CONTENT_LENGTH).is_some() && matches!(self, Self::Empty) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }
}

impl<R> LogentriesAuthLayer<R> {
    /// What reads a body to be signed.
    pub(crate) fn reader<B: Body>(&self, body: B) -> Reader<B> {
        Reader::new(body, self.settings.body_limit)
    }

    /// The request again, signed, with the body that was read.
    #[inline]
    pub(crate) fn complete<Q: HttpRequest>(
        &self,
        head: Q::Head,
        (body, digest): (BufferedBody, BodyDigest),
        pen: Pen,
    ) -> Result<(Q, Option<Watch>), AuthError>
    where
        R: Rebuild<Q::Body>,
    {
        let body = rebuild(&self.rebuild, body)?;
        let mut request = Q::join(head, body);
        let watch = self.settings.sign(&mut request, pen, digest)?;
        Ok((request, watch))
    }
}

/// Watches for the refusal of a signed request by a server whose clock is elsewhere.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Clock,
    origin: Arc<OriginClock>,
    offset: i64,
}

impl Watch {
    pub(crate) fn see<T: HttpResponse>(self, response: &mut T) {
        let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // With an Age the answer is a cache's, and its Date is old.
        if !is_refused || response.headers().contains_key(AGE) || !response.is_from(self.origin.origin()) {
            return;
        }
        if let (Some(now), Some(server)) = (self.clock.now(), clock::date_of(response.headers()))
            && let Some(offset) = self.origin.correct(now, server, self.offset)
        {
            response.extensions_mut().insert(ClockCorrected::new(offset));
        }
    }
}

/// The receiver of a header sees no blanks at its ends, and an empty Content-Type is signed like none.
fn arrives_unchanged(value: &HeaderValue) -> Result<(), AuthError> {
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.trim_ascii() == text => Ok(()),
        _ => Err(AuthError::MalformedContentType),
    }
}

/// `key-id:signature`, in one allocation of just its size.
fn credential(key: &OwnerKey, signature: Signature) -> HeaderValue {
    let mut text = Vec::with_capacity(key.id().len() + 1 + Signature::LEN);
    text.extend_from_slice(key.id().as_bytes());
    text.push(b':');
    text.extend_from_slice(&signature.to_base64());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(text)).expect("ids and base64 are visible ASCII");
    value.set_sensitive(true);
    value
}
