//! The future that reads a body to its end, hashes it as it arrives, and holds it to a limit.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower::BoxError;

use super::{BodyError, BufferedBody, Drain, chunks::Chunks};
use crate::BodyDigest;

/// How many bytes one poll hashes before it lets other tasks run: about 0.6 ms.
const MAX_HASH_PER_POLL: usize = 1024 * 1024;
/// What a frame costs beside its bytes, so that a body of empty frames yields as well.
const FRAME_COST: usize = 256;
/// What a trailer counts for beside its text, because a header map keeps about that much for each.
const TRAILER_COST: usize = 128;

pin_project! {
    /// Reads a body to its end, hashing its chunks as they arrive.
    pub(crate) struct Collect<B> {
        #[pin]
        body: B,
        claimed: SizeHint,
        limit: usize,
        joins_chunks: bool,
        // The first chunk, until there is more: most bodies are one chunk, and take no allocation.
        first: Bytes,
        pieces: Option<Box<Pieces>>,
    }
}

/// A body that arrives in pieces.
struct Pieces {
    chunks: Chunks,
    trailers_len: usize,
    sha256: Sha256,
    unhashed: Bytes,
}

impl<B: Body> Collect<B> {
    /// Reads up to `limit` bytes, into one chunk if `joins_chunks`. A body whose size hint exceeds the limit fails before it
    /// is read.
    pub(crate) fn new(body: B, limit: usize, joins_chunks: bool) -> Self {
        Self { claimed: body.size_hint(), body, limit, joins_chunks, first: Bytes::new(), pieces: None }
    }
}

impl<B: Body> Future for Collect<B>
where
    B::Error: Into<BoxError>,
{
    type Output = Result<(BufferedBody, BodyDigest), BodyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_unread() {
            return Poll::Ready(Err(BodyError::TooLarge { limit: self.limit }));
        }
        let mut budget = MAX_HASH_PER_POLL;
        loop {
            let this = self.as_mut().project();
            if let Some(pieces) = this.pieces {
                pieces.hash_rest(&mut budget);
                if budget == 0 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            match ready!(this.body.poll_frame(cx)) {
                Some(Ok(frame)) => self.as_mut().take(frame, &mut budget)?,
                Some(Err(error)) => return Poll::Ready(Err(BodyError::Read(error.into()))),
                None => return Poll::Ready(self.finish()),
            }
            budget = budget.saturating_sub(FRAME_COST);
        }
    }
}

impl<B: Body> Collect<B> {
    /// Returns the body, of which some may have been read.
    pub(crate) fn body(&self) -> &B {
        &self.body
    }

    /// Returns whether nothing is read of the body, because it claims more than the limit.
    pub(crate) fn is_unread(&self) -> bool {
        self.claimed.lower() > self.limit as u64
    }

    /// Drops what was read, and reads on without keeping anything.
    pub(crate) fn poll_drain(self: Pin<&mut Self>, drain: &mut Drain, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.first.clear();
        *this.pieces = None;
        drain.poll(this.body, cx)
    }

    fn take(mut self: Pin<&mut Self>, frame: Frame<B::Data>, budget: &mut usize) -> Result<(), BodyError> {
        let limit = self.limit;
        match frame.into_data() {
            Ok(mut data) => {
                let len = self.pieces.as_ref().map_or(self.first.len(), |pieces| pieces.len());
                if data.remaining() > limit.saturating_sub(len) {
                    return Err(BodyError::TooLarge { limit });
                }
                let chunk = data.copy_to_bytes(data.remaining());
                if len == 0 && self.pieces.is_none() && chunk.len() <= MAX_HASH_PER_POLL {
                    *self.project().first = chunk;
                } else {
                    self.pieces(budget).push(chunk, budget);
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let pieces = self.as_mut().pieces(budget);
                pieces.count_trailers(&trailers);
                if pieces.len() > limit {
                    return Err(BodyError::TooLarge { limit });
                }
                pieces.chunks.push_trailers(trailers).map_err(|full| BodyError::Read(full.into()))?;
            }
        }
        Ok(())
    }

    /// Goes over to reading pieces, if it has not yet.
    fn pieces(self: Pin<&mut Self>, budget: &mut usize) -> &mut Pieces {
        let this = self.project();
        let pieces = this
            .pieces
            .get_or_insert_with(|| Box::new(Pieces::new(Chunks::new(*this.joins_chunks, this.claimed, *this.limit))));
        if !this.first.is_empty() {
            pieces.push_first(mem::take(this.first), budget);
        }
        pieces
    }

    fn finish(self: Pin<&mut Self>) -> Result<(BufferedBody, BodyDigest), BodyError> {
        let this = self.project();
        let (read, digest) = match this.pieces.take() {
            Some(pieces) => pieces.finish(),
            None => {
                let digest = BodyDigest::of(&this.first);
                (BufferedBody::of_chunk(mem::take(this.first)), digest)
            }
        };
        let len = read.len() as u64;
        if len < this.claimed.lower() || this.claimed.upper().is_some_and(|upper| len > upper) {
            return Err(BodyError::LengthMismatch { read: read.len() });
        }
        Ok((read, digest))
    }
}

impl Pieces {
    fn new(chunks: Chunks) -> Self {
        Self { chunks, trailers_len: 0, sha256: Sha256::new(), unhashed: Bytes::new() }
    }

    /// Returns how much counts against the limit.
    fn len(&self) -> usize {
        self.chunks.len().saturating_add(self.trailers_len)
    }

    /// Keeps the first chunk, which one poll may hash.
    fn push_first(&mut self, chunk: Bytes, budget: &mut usize) {
        self.sha256.update(&chunk);
        *budget = budget.saturating_sub(chunk.len());
        self.chunks.push(chunk, false);
    }

    fn push(&mut self, chunk: Bytes, budget: &mut usize) {
        // Before `hash`, which may keep a slice of it.
        let (chunk, is_kept) = self.chunks.inspect(chunk);
        self.hash(&chunk, budget);
        self.chunks.push(chunk, is_kept);
    }

    fn hash_rest(&mut self, budget: &mut usize) {
        let rest = mem::take(&mut self.unhashed);
        self.hash(&rest, budget);
    }

    /// Hashes as much of a chunk as one poll may, and keeps the rest for the next.
    fn hash(&mut self, chunk: &Bytes, budget: &mut usize) {
        let now = chunk.len().min(*budget);
        self.sha256.update(chunk.get(..now).unwrap_or(chunk));
        *budget -= now;
        if now < chunk.len() {
            self.unhashed = chunk.slice(now..);
        }
    }

    fn count_trailers(&mut self, trailers: &HeaderMap) {
        let sizes = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + TRAILER_COST);
        self.trailers_len = sizes.fold(self.trailers_len, usize::saturating_add);
    }

    fn finish(mut self) -> (BufferedBody, BodyDigest) {
        (self.chunks.finish(), BodyDigest::from_sha256(self.sha256.finalize().into()))
    }
}
