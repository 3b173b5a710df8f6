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
        chunks: Chunks,
        trailers_len: usize,
        sha256: Sha256,
        unhashed: Bytes,
    }
}

impl<B: Body> Collect<B> {
    /// Reads up to `limit` bytes, into one chunk if `joins_chunks`. A body whose size hint exceeds the limit fails before it
    /// is read.
    pub(crate) fn new(body: B, limit: usize, joins_chunks: bool) -> Self {
        let claimed = body.size_hint();
        let chunks = Chunks::new(joins_chunks, &claimed, limit);
        Self { body, claimed, limit, chunks, trailers_len: 0, sha256: Sha256::new(), unhashed: Bytes::new() }
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
            let rest = mem::take(self.as_mut().project().unhashed);
            self.as_mut().hash(&rest, &mut budget);
            if budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.as_mut().project().body.poll_frame(cx)) {
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
        this.chunks.clear();
        this.unhashed.clear();
        drain.poll(this.body, cx)
    }

    /// Hashes as much of a chunk as one poll may, and keeps the rest for the next.
    fn hash(self: Pin<&mut Self>, chunk: &Bytes, budget: &mut usize) {
        let this = self.project();
        let now = chunk.len().min(*budget);
        this.sha256.update(chunk.get(..now).unwrap_or(chunk));
        *budget -= now;
        if now < chunk.len() {
            *this.unhashed = chunk.slice(now..);
        }
    }

    fn take(mut self: Pin<&mut Self>, frame: Frame<B::Data>, budget: &mut usize) -> Result<(), BodyError> {
        match frame.into_data() {
            Ok(mut data) => {
                let this = self.as_mut().project();
                let len = this.chunks.len().saturating_add(*this.trailers_len);
                if data.remaining() > this.limit.saturating_sub(len) {
                    return Err(BodyError::TooLarge { limit: *this.limit });
                }
                let chunk = data.copy_to_bytes(data.remaining());
                self.as_mut().hash(&chunk, budget);
                self.project().chunks.push(chunk);
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.as_mut().count_trailers(&trailers)?;
                self.project().chunks.push_trailers(trailers).map_err(|full| BodyError::Read(full.into()))?;
            }
        }
        Ok(())
    }

    /// Counts trailers against the limit.
    fn count_trailers(self: Pin<&mut Self>, trailers: &HeaderMap) -> Result<(), BodyError> {
        let this = self.project();
        let sizes = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + TRAILER_COST);
        *this.trailers_len = sizes.fold(*this.trailers_len, usize::saturating_add);
        if this.chunks.len().saturating_add(*this.trailers_len) > *this.limit {
            return Err(BodyError::TooLarge { limit: *this.limit });
        }
        Ok(())
    }

    fn finish(self: Pin<&mut Self>) -> Result<(BufferedBody, BodyDigest), BodyError> {
        let this = self.project();
        let read = this.chunks.finish();
        let len = read.len() as u64;
        if len < this.claimed.lower() || this.claimed.upper().is_some_and(|upper| len > upper) {
            return Err(BodyError::LengthMismatch { read: read.len() });
        }
        let digest = BodyDigest::from_sha256(this.sha256.finalize_reset().into());
        Ok((read, digest))
    }
}
