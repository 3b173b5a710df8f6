//! The future that reads a body to its end, hashes it as it arrives, and holds it to a limit.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower::BoxError;

use super::{BodyError, BufferedBody, Drain};
use crate::BodyDigest;

/// How many bytes one poll hashes before it lets other tasks run: about 0.6 ms.
const MAX_HASH_PER_POLL: usize = 1024 * 1024;
/// What a frame costs beside its bytes, so that a body of empty frames yields as well.
const FRAME_COST: usize = 256;
/// Chunks shorter than this are joined. hyper hands out slices of its 8 KiB read buffers, and keeping a small one keeps
/// the whole buffer.
const MIN_CHUNK: usize = 8 * 1024;

pin_project! {
    /// Reads a body to its end, hashing its chunks as they arrive.
    pub(crate) struct Collect<B> {
        #[pin]
        body: B,
        claimed: SizeHint,
        limit: usize,
        read: BufferedBody,
        trailers_len: usize,
        // Short chunks, not yet joined into one.
        short: BytesMut,
        sha256: Sha256,
        unhashed: Bytes,
    }
}

impl<B: Body> Collect<B> {
    /// Reads up to `limit` bytes. A body whose size hint exceeds the limit fails before it is read.
    pub(crate) fn new(body: B, limit: usize) -> Self {
        let claimed = body.size_hint();
        let read = BufferedBody::default();
        let (short, sha256, unhashed) = (BytesMut::new(), Sha256::new(), Bytes::new());
        Self { body, claimed, limit, read, trailers_len: 0, short, sha256, unhashed }
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
        (*this.read, *this.short, *this.unhashed) = Default::default();
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
                let len = this.read.len() + this.short.len() + *this.trailers_len;
                if data.remaining() > this.limit.saturating_sub(len) {
                    return Err(BodyError::TooLarge { limit: *this.limit });
                }
                let chunk = data.copy_to_bytes(data.remaining());
                self.as_mut().hash(&chunk, budget);
                self.keep(chunk);
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.as_mut().count_trailers(&trailers)?;
                self.project().read.push_trailers(trailers).map_err(|full| BodyError::Read(full.into()))?;
            }
        }
        Ok(())
    }

    /// Counts trailers against the limit, as HTTP/1 would send them.
    fn count_trailers(self: Pin<&mut Self>, trailers: &HeaderMap) -> Result<(), BodyError> {
        let this = self.project();
        let lines = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
        *this.trailers_len = lines.fold(*this.trailers_len, usize::saturating_add);
        if this.read.len().saturating_add(this.short.len()).saturating_add(*this.trailers_len) > *this.limit {
            return Err(BodyError::TooLarge { limit: *this.limit });
        }
        Ok(())
    }

    fn keep(self: Pin<&mut Self>, chunk: Bytes) {
        let this = self.project();
        if chunk.len() < MIN_CHUNK && this.read.len() > 0 {
            this.short.extend_from_slice(&chunk);
        } else if !chunk.is_empty() {
            flush(this.short, this.read);
            this.read.push(chunk);
        }
    }

    fn finish(self: Pin<&mut Self>) -> Result<(BufferedBody, BodyDigest), BodyError> {
        let this = self.project();
        flush(this.short, this.read);
        let read = mem::take(this.read);
        let len = read.len() as u64;
        if len < this.claimed.lower() || this.claimed.upper().is_some_and(|upper| len > upper) {
            return Err(BodyError::LengthMismatch { read: read.len() });
        }
        let digest = BodyDigest::from_sha256(this.sha256.finalize_reset().into());
        Ok((read, digest))
    }
}

fn flush(short: &mut BytesMut, read: &mut BufferedBody) {
    if !short.is_empty() {
        read.push(short.split().freeze());
    }
}
