//! Explaining the signatures that a layer rejects: what the event says, and what the response says.

use std::sync::Arc;

use http::request::Parts;

use super::SignatureMismatch;
use super::path::{original_uri, whole_path};
use super::verifier::{Signed, Verifier};
use crate::explain::{Mistake, Received, explain_signature};
use crate::{BodyDigest, trace};

/// Who learns which mistake an invalid signature was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Explain {
    /// Operators: the mistakes are in the event, and in the [`SignatureMismatch`] of the
    /// [`Rejection`](super::Rejection). The layer does not search if nobody listens to the event, so this requires feature
    /// `tracing` and a subscriber that enables target `tower_logentries_auth::server` at level debug.
    Log,
    /// The client too: the response has the canonical string and the codes of the mistakes.
    Response,
}

/// The mistakes that were found, and who learns of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explained {
    explain: Explain,
    pub(super) mistakes: Arc<[Mistake]>,
}

impl Explained {
    pub(super) fn codes(&self) -> Vec<&'static str> {
        self.mistakes.iter().map(|mistake| mistake.code()).collect()
    }
}

impl Verifier {
    /// Searches for the mistakes behind an invalid signature, if somebody is to learn of them.
    pub(super) fn explain(&self, head: &Parts, signed: &Signed, body: &[u8], digest: BodyDigest) -> Option<Explained> {
        let explain = self.explain.filter(|explain| *explain == Explain::Response || trace::logs_rejections())?;
        let received = Received {
            method: &head.method,
            uri: original_uri(&head.uri, &head.extensions),
            path: &whole_path(&self.stripped_prefix, &head.uri, &head.extensions),
            headers: &head.headers,
            mounts: self.access.mounts().collect(),
            body,
            digest,
        };
        Some(Explained {
            explain,
            mistakes: explain_signature(&received, &signed.presented.signature, &signed.keys).into(),
        })
    }
}

impl SignatureMismatch {
    /// Returns the members that this adds to the JSON of the response, each preceded by a comma.
    pub(super) fn details(&self) -> String {
        let told = self.explained.as_ref().filter(|explained| explained.explain == Explain::Response);
        told.map_or_else(String::new, |explained| {
            let (canonical, codes) = (json_string(&self.canonical_string), explained.codes());
            // The codes need no escapes, so this is JSON too.
            format!(r#","canonicalString":{canonical},"mistakes":{codes:?}"#)
        })
    }
}

/// Writes a JSON string, in quotes (RFC 8259, section 7).
fn json_string(text: &str) -> String {
    let escape = |char| match char {
        '"' | '\\' => format!("\\{char}"),
        '\0'..='\x1f' => format!("\\u{:04x}", u32::from(char)),
        _ => char.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
