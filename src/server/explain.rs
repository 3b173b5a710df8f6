//! Explaining the signatures that a layer rejects: what the event says, and what the response says.

use http::header::{CONTENT_TYPE, DATE, HOST};
use http::request::Parts;

use super::path::{original_uri, whole_path};
use super::response::json_string;
use super::verifier::Verifier;
use super::{Reason, Rejection, SignatureMismatch};
use crate::explain::{Received, explain_signature};
use crate::{BodyDigest, BufferedBody, OwnerKey, Signature, trace};

/// Who learns which mistake an invalid signature was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Explain {
    /// Operators: the mistakes are in the event, and in the [`Rejection`]'s mismatch. Nothing is searched for if nobody
    /// listens to the event.
    Log,
    /// The client too: the response has the canonical string and the codes of the mistakes.
    Response,
}

impl Verifier {
    /// Searches for the mistakes behind a mismatch, if somebody is to learn of them.
    pub(super) fn explain(
        &self,
        mismatch: SignatureMismatch,
        (signature, keys): (&Signature, &[OwnerKey]),
        head: &Parts,
        (body, digest): (&BufferedBody, BodyDigest),
    ) -> SignatureMismatch {
        match self.explain {
            None => return mismatch,
            Some(Explain::Log) if !trace::logs_rejections() => return mismatch,
            Some(_) => {}
        }
        let path = whole_path(&self.stripped_prefix, &head.uri, &head.extensions);
        let header = |name| head.headers.get(name).map(|value: &http::HeaderValue| value.as_bytes());
        let uri = original_uri(&head.uri, &head.extensions);
        let text = |name| header(name).and_then(|value| str::from_utf8(value).ok());
        let received = Received {
            method: head.method.as_str(),
            path: &path,
            query: uri.query(),
            authority: uri.authority().map(|authority| authority.as_str()).or_else(|| text(HOST.as_str())),
            content_type: header(CONTENT_TYPE.as_str()).unwrap_or_default(),
            date: header(DATE.as_str()).unwrap_or_default(),
            prefixes: self.access.mounts().chain(text("x-forwarded-prefix")).collect(),
            body: body.bytes(),
            digest,
        };
        mismatch.explained(explain_signature(&received, signature, keys))
    }

    /// Returns the members that the JSON of a response has about an invalid signature, each after a comma.
    pub(super) fn details(&self, rejection: &Rejection) -> String {
        match rejection.reason() {
            Reason::InvalidSignature(mismatch) if self.explain == Some(Explain::Response) => {
                let codes: Vec<_> = mismatch.mistakes().iter().map(|mistake| json_string(mistake.code())).collect();
                let canonical_string = json_string(mismatch.canonical_string());
                format!(r#","canonicalString":{canonical_string},"mistakes":[{}]"#, codes.join(","))
            }
            _ => String::new(),
        }
    }
}
