//! Explaining the signatures that a layer rejects: what the event says, and what the response says.

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
        let received = Received {
            method: &head.method,
            uri: original_uri(&head.uri, &head.extensions),
            path: &whole_path(&self.stripped_prefix, &head.uri, &head.extensions),
            headers: &head.headers,
            mounts: self.access.mounts().collect(),
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
