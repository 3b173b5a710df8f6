//! What newlines at the end of a body do to its digest.

use sha2::{Digest, Sha256};

use super::{form::Newline, search::MAX_HASHED, text::Sink};
use crate::{BodyDigest, BufferedBody};

/// The SHA-256 of the body, and of the body with a newline more or less, unless it is too long to hash it once more.
pub(super) struct Hashes {
    pub(super) as_sent: [u8; 32],
    lf: Option<[u8; 32]>,
    crlf: Option<[u8; 32]>,
    removed: Option<[u8; 32]>,
}

impl Hashes {
    pub(super) fn of(body: &BufferedBody, digest: BodyDigest) -> Self {
        let mut hashes = Self { as_sent: digest.to_sha256(), lf: None, crlf: None, removed: None };
        if body.len() > MAX_HASHED / 2 {
            return hashes;
        }
        let newline_len = newline_len(body);
        let mut sha256 = Sha256::new();
        write_first(body, body.len() - newline_len, &mut |bytes| sha256.update(bytes));
        if newline_len > 0 {
            hashes.removed = Some(sha256.clone().finalize().into());
            sha256.update(if newline_len == 1 { Newline::Lf.added() } else { Newline::CrLf.added() });
        }
        hashes.lf = Some(sha256.clone().chain_update(Newline::Lf.added()).finalize().into());
        hashes.crlf = Some(sha256.chain_update(Newline::CrLf.added()).finalize().into());
        hashes
    }

    /// Returns the digest with a newline more or less, if it is known.
    pub(super) fn with(&self, newline: Newline) -> Option<[u8; 32]> {
        match newline {
            Newline::Lf => self.lf,
            Newline::CrLf => self.crlf,
            Newline::Removed => self.removed,
        }
    }
}

impl Newline {
    /// Returns what comes after the body.
    pub(super) const fn added(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Removed => b"",
        }
    }
}

/// Returns how long the newline is that a body ends with: `\n`, `\r\n`, or none.
pub(super) fn newline_len(body: &BufferedBody) -> usize {
    let mut end = [0; 2];
    for byte in body.chunks().flat_map(|chunk| chunk.get(chunk.len().saturating_sub(2)..).unwrap_or(chunk)) {
        end = [end[1], *byte];
    }
    match &end {
        b"\r\n" => 2,
        [_, b'\n'] => 1,
        _ => 0,
    }
}

/// Writes the first bytes of a body.
pub(super) fn write_first(body: &BufferedBody, mut len: usize, sink: &mut Sink<'_>) {
    for chunk in body.chunks() {
        let chunk = chunk.get(..len).unwrap_or(chunk);
        sink(chunk);
        len -= chunk.len();
    }
}
