//! The future that reads a body to its end, hashes it as it arrives, and holds it to a limit.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};

use super::{BodyError, BufferedBody};
use crate::{BodyDigest, BoxError};

/// How many bytes one poll hashes before it lets other tasks run.
const MAX_HASH_PER_POLL: usize = 1024 * 1024;
/// What a frame counts for beside its bytes, so that a body of empty frames yields as well.
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
        read: Read,
    }
}

/// What was read of a body.
#[derive(Default)]
struct Read {
    /// The first chunk, until there is a second: then all are copied into `joined`.
    first: Bytes,
    joined: Vec<u8>,
    trailers: Option<HeaderMap>,
    sha256: Sha256,
    /// How many of the bytes are hashed.
    hashed: usize,
}

impl<B: Body> Collect<B> {
    /// Reads up to `limit` bytes. A body whose size hint exceeds the limit fails before it is read.
    pub(crate) fn new(body: B, limit: usize) -> Self {
        Self { claimed: body.size_hint(), body, limit, read: Read::default() }
    }

    /// Returns whether the body claims more than the limit, so that nothing of it is read.
    pub(crate) fn is_refused(&self) -> bool {
        self.claimed.lower() > self.limit as u64
    }

    /// Drops what was read, and returns the rest of the body.
    pub(crate) fn into_rest(self: Pin<&mut Self>) -> Pin<&mut B> {
        let this = self.project();
        *this.read = Read::default();
        this.body
    }
}

impl<B: Body<Error: Into<BoxError>>> Future for Collect<B> {
    type Output = Result<(BufferedBody, BodyDigest), BodyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let limit = self.limit;
        if self.is_refused() {
            return Poll::Ready(Err(BodyError::TooLarge { limit }));
        }
        let mut this = self.project();
        let mut budget = MAX_HASH_PER_POLL;
        loop {
            this.read.hash(&mut budget);
            if budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => this.read.push(frame, limit, this.claimed)?,
                Some(Err(error)) => return Poll::Ready(Err(BodyError::Read(error.into()))),
                None => return Poll::Ready(this.read.finish(this.claimed)),
            }
            budget = budget.saturating_sub(FRAME_COST);
        }
    }
}

impl Read {
    fn push(&mut self, frame: Frame<impl Buf>, limit: usize, claimed: &SizeHint) -> Result<(), BodyError> {
        if self.trailers.is_some() {
            return Err(BodyError::Read("the body does not end with its trailers".into()));
        }
        let left = limit.saturating_sub(self.len());
        match frame.into_data() {
            Ok(data) if data.remaining() > left => return Err(BodyError::TooLarge { limit }),
            Ok(mut data) if data.has_remaining() => {
                let chunk = data.copy_to_bytes(data.remaining());
                let claimed = claimed.upper().and_then(|upper| usize::try_from(upper).ok());
                self.keep(chunk, claimed.map_or(limit, |claimed| limit.min(claimed)));
            }
            Ok(_) => {}
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let lens = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + TRAILER_COST);
                if lens.sum::<usize>() > left {
                    return Err(BodyError::TooLarge { limit });
                }
                self.trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
            }
        }
        Ok(())
    }

    /// Keeps a chunk: the first as it is, and several in one buffer. Its capacity doubles with what has arrived, up to
    /// `most`, so that a claimed length reserves nothing.
    fn keep(&mut self, chunk: Bytes, most: usize) {
        if self.len() == 0 {
            self.first = chunk;
            return;
        }
        let first = mem::take(&mut self.first);
        let needed = self.joined.len() + first.len() + chunk.len();
        if needed > self.joined.capacity() {
            let capacity = self.joined.capacity().saturating_mul(2).min(most).max(needed);
            self.joined.reserve_exact(capacity - self.joined.len());
        }
        self.joined.extend_from_slice(&first);
        self.joined.extend_from_slice(&chunk);
    }

    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    /// Hashes as much of what was read as one poll may.
    fn hash(&mut self, budget: &mut usize) {
        let kept = if self.joined.is_empty() { &self.first[..] } else { &self.joined };
        let (_, rest) = kept.split_at(self.hashed);
        let (now, _) = rest.split_at(rest.len().min(*budget));
        self.sha256.update(now);
        self.hashed += now.len();
        *budget -= now.len();
    }

    fn finish(&mut self, claimed: &SizeHint) -> Result<(BufferedBody, BodyDigest), BodyError> {
        let (read, len) = (self.len(), self.len() as u64);
        if len < claimed.lower() || claimed.upper().is_some_and(|upper| len > upper) {
            return Err(BodyError::LengthMismatch { read });
        }
        let joined = mem::take(&mut self.joined);
        let bytes = if joined.is_empty() { mem::take(&mut self.first) } else { joined.into() };
        let mut sha256 = || BodyDigest::from_sha256(self.sha256.finalize_reset().into());
        let digest = if read == 0 { BodyDigest::EMPTY } else { sha256() };
        Ok((BufferedBody::new(bytes, self.trailers.take()), digest))
    }
}
