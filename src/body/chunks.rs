//! How the chunks of a body are kept while it is read, so that they take no more memory than they should.
//!
//! A chunk may keep far more than its bytes: hyper hands out slices of its read buffers, of 8 to 408 KiB. Such a slice is
//! copied, while a chunk that has its memory to itself is kept as it is. So is the first, because it is often the whole body.

use std::mem;

use bytes::Bytes;
use http::{HeaderMap, header::MaxSizeReached};
use http_body::SizeHint;

use super::BufferedBody;

/// Slices shorter than this are copied. hyper's read buffers are no longer by default, and keeping a small slice of one keeps
/// all of it.
const MIN_SLICE: usize = 512 * 1024;
/// Chunks shorter than this are copied even if they have their memory to themselves, because each costs some 100 bytes.
const MIN_CHUNK: usize = 4 * 1024;
/// What short chunks are copied into, at most.
const BLOCK: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Chunks {
    body: BufferedBody,
    /// Copied chunks, which follow those in `body`.
    copied: Vec<u8>,
    /// Whether all chunks are joined into one.
    joins: bool,
    /// How many bytes `copied` is expected to have at most, and how many it may have.
    expected: usize,
    limit: usize,
}

impl Chunks {
    pub(super) fn new(joins: bool, claimed: &SizeHint, limit: usize) -> Self {
        let (body, copied) = (BufferedBody::default(), Vec::new());
        if !joins {
            return Self { body, copied, joins, expected: BLOCK, limit: BLOCK };
        }
        let upper = claimed.upper().and_then(|upper| usize::try_from(upper).ok());
        Self { body, copied, joins, expected: upper.unwrap_or(limit).min(limit), limit }
    }

    pub(super) fn len(&self) -> usize {
        self.body.len() + self.copied.len()
    }

    /// Returns the chunk, and whether to keep it as it is.
    pub(super) fn inspect(&self, chunk: Bytes) -> (Bytes, bool) {
        match chunk.len() {
            _ if self.joins => (chunk, false),
            ..MIN_CHUNK => (chunk, false),
            MIN_CHUNK..MIN_SLICE => is_alone(chunk),
            MIN_SLICE.. => (chunk, true),
        }
    }

    /// Keeps or copies a chunk.
    pub(super) fn push(&mut self, chunk: Bytes, is_kept: bool) {
        if chunk.is_empty() {
            return;
        }
        if self.len() == 0 {
            self.body.push(chunk);
        } else if self.joins {
            if let Some(first) = self.body.next() {
                self.copy(&first);
            }
            self.copy(&chunk);
        } else if is_kept {
            self.flush();
            self.body.push(chunk);
        } else {
            if self.copied.len() + chunk.len() > BLOCK {
                self.flush();
            }
            self.copy(&chunk);
        }
    }

    pub(super) fn push_trailers(&mut self, trailers: HeaderMap) -> Result<(), MaxSizeReached> {
        self.body.push_trailers(trailers)
    }

    /// Copies a chunk. The capacity doubles, but not past what it is going to take.
    fn copy(&mut self, chunk: &[u8]) {
        let needed = self.copied.len() + chunk.len();
        if needed > self.copied.capacity() {
            let most = if needed <= self.expected { self.expected } else { self.limit };
            let capacity = self.copied.capacity().saturating_mul(2).min(most).max(needed);
            self.copied.reserve_exact(capacity - self.copied.len());
        }
        self.copied.extend_from_slice(chunk);
    }

    fn flush(&mut self) {
        if !self.copied.is_empty() {
            self.body.push(mem::take(&mut self.copied).into());
        }
    }

    pub(super) fn finish(&mut self) -> BufferedBody {
        self.flush();
        mem::take(&mut self.body)
    }
}

/// Returns the chunk, and whether it has its memory to itself: nobody holds another slice of it, nothing follows the chunk,
/// and less than its length precedes it.
fn is_alone(chunk: Bytes) -> (Bytes, bool) {
    match chunk.try_into_mut() {
        Ok(mut chunk) => {
            let is_alone = chunk.capacity() == chunk.len() && !chunk.try_reclaim(1);
            (chunk.freeze(), is_alone)
        }
        Err(chunk) => (chunk, false),
    }
}
