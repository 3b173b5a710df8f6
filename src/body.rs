//! A body read to its end: hashed as it arrives, held to a limit, and made into a body again.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, header::MaxSizeReached};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower::BoxError;

use crate::BodyDigest;

/// The most that one poll hashes before it lets other tasks run: about 0.6 ms.
const HASHED_A_POLL: usize = 1024 * 1024;
/// The most bytes of a body that a layer buffers, unless set.
pub(crate) const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;
/// What a frame counts for beside its bytes, so that a body of empty frames gives way as well.
const FRAME: usize = 256;
/// Chunks shorter than this are joined: kept apart, their bookkeeping would outweigh their bytes.
const SHORT: usize = 512;

/// A body that was read to be signed or verified: the same bytes in the same chunks, and its trailers.
///
/// A layer's `rebuild_body` gets it to make a body of the service's own type. It is a body itself, so boxing it is
/// often all there is to do; [`Bytes`] can be made from it too, which joins the chunks and discards the trailers.
///
/// Its size is exact, so that it is sent with a `Content-Length`; with trailers it claims none, since HTTP/1 sends
/// trailers only behind a chunked body. Chunks are not copied, but for those under 512 bytes after the first.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, combinators::BoxBody};
/// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuthLayer};
///
/// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?).rebuild_body(
///     |body: BufferedBody| -> BoxBody<Bytes, std::io::Error> { body.map_err(|never| match never {}).boxed() },
/// );
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[derive(Default)]
pub struct BufferedBody {
    /// Empty where there is no byte at all, or no longer: a body in one piece takes no allocation.
    first: Bytes,
    rest: VecDeque<Bytes>,
    /// How many bytes are left.
    len: usize,
    trailers: Option<Box<HeaderMap>>,
}

impl BufferedBody {
    /// The trailers that the body ended with, if any.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    fn push(&mut self, chunk: Bytes) {
        let len = chunk.len();
        match self.len {
            0 => self.first = chunk,
            _ => self.rest.push_back(chunk),
        }
        self.len += len;
    }

    fn push_trailers(&mut self, more: HeaderMap) -> Result<(), MaxSizeReached> {
        let Some(trailers) = &mut self.trailers else {
            self.trailers = Some(Box::new(more));
            return Ok(());
        };
        more.iter().try_for_each(|(name, value)| trailers.try_append(name, value.clone()).map(drop))
    }

    fn next(&mut self) -> Option<Bytes> {
        let chunk = match mem::take(&mut self.first) {
            first if first.is_empty() => self.rest.pop_front()?,
            first => first,
        };
        self.len -= chunk.len();
        Some(chunk)
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.next().map(Frame::data);
        Poll::Ready(frame.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers))).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.len == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.len as u64);
        if self.trailers.is_none() {
            hint.set_exact(self.len as u64);
        }
        hint
    }
}

/// Joins the chunks, copying where there is more than one. Trailers are discarded.
impl From<BufferedBody> for Bytes {
    fn from(mut body: BufferedBody) -> Self {
        if body.rest.is_empty() {
            return body.first;
        }
        let mut joined = BytesMut::with_capacity(body.len);
        while let Some(chunk) = body.next() {
            joined.extend_from_slice(&chunk);
        }
        joined.freeze()
    }
}

impl fmt::Debug for BufferedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody")
            .field("len", &self.len)
            .field("trailers", &self.trailers.is_some())
            .finish_non_exhaustive()
    }
}

/// The body again, or the one reason why there is none.
pub(crate) fn rebuild<B>(rebuild: &impl Rebuild<B>, body: BufferedBody) -> Result<B, BodyError> {
    rebuild.rebuild(body).ok_or(BodyError::Trailers)
}

/// Makes a body of the service's own type `B` from one that was read.
///
/// [`FromBytes`] does for every `B: From<Bytes>`, a closure `Fn(BufferedBody) -> B` for any other. What a closure leaves out
/// is gone: where trailers matter, look at [`BufferedBody::trailers`].
#[diagnostic::on_unimplemented(
    message = "a body of type `{B}` can't be made again once it was read",
    note = "`{B}` is not `From<Bytes>`: say how it is made with `.rebuild_body(|body: BufferedBody| ...)` on the layer"
)]
pub trait Rebuild<B> {
    /// The body again, or `None` where `B` can't hold its trailers.
    fn rebuild(&self, body: BufferedBody) -> Option<B>;
}

/// Rebuilds bodies that are `From<Bytes>`, the default: `Full<Bytes>`, `axum::body::Body`, `reqwest::Body` and others.
///
/// It joins the chunks, for which it takes the body's size once more in memory where there are several. A body with
/// trailers is refused, since [`Bytes`] hold none.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromBytes;

impl<B: From<Bytes>> Rebuild<B> for FromBytes {
    fn rebuild(&self, body: BufferedBody) -> Option<B> {
        body.trailers.is_none().then(|| Bytes::from(body).into())
    }
}

impl<F: Fn(BufferedBody) -> B, B> Rebuild<B> for F {
    fn rebuild(&self, body: BufferedBody) -> Option<B> {
        Some(self(body))
    }
}

/// Why a body can't be read, or not be made again.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge {
        limit: usize,
    },
    Failed(BoxError),
    /// It ended short of the size it claimed, or went past it.
    Length {
        read: usize,
    },
    Trailers,
}

pin_project! {
    /// Reads a body to its end. It keeps the chunks as they are, and hashes them as they arrive.
    pub(crate) struct Reader<B> {
        #[pin]
        body: B,
        claimed: SizeHint,
        limit: usize,
        read: BufferedBody,
        // Short chunks on their way to become one.
        short: BytesMut,
        sha256: Sha256,
        unhashed: Bytes,
    }
}

impl<B: Body> Reader<B> {
    /// Reads up to `limit` bytes. A body that claims more is refused before it is read.
    pub(crate) fn new(body: B, limit: usize) -> Self {
        let claimed = body.size_hint();
        let read = BufferedBody::default();
        let (short, sha256, unhashed) = (BytesMut::new(), Sha256::new(), Bytes::new());
        Self { body, claimed, limit, read, short, sha256, unhashed }
    }
}

impl<B: Body> Future for Reader<B>
where
    B::Error: Into<BoxError>,
{
    type Output = Result<(BufferedBody, BodyDigest), BodyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.claimed.lower() > self.limit as u64 {
            return Poll::Ready(Err(BodyError::TooLarge { limit: self.limit }));
        }
        let mut budget = HASHED_A_POLL;
        loop {
            let rest = mem::take(self.as_mut().project().unhashed);
            self.as_mut().hash(&rest, &mut budget);
            if budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.as_mut().project().body.poll_frame(cx)) {
                Some(Ok(frame)) => self.as_mut().take(frame, &mut budget)?,
                Some(Err(error)) => return Poll::Ready(Err(BodyError::Failed(error.into()))),
                None => return Poll::Ready(self.finish()),
            }
            budget = budget.saturating_sub(FRAME);
        }
    }
}

impl<B: Body> Reader<B> {
    /// Hashes as much of a chunk as this poll may, and keeps the rest for the next.
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
                let len = this.read.len + this.short.len();
                if data.remaining() > *this.limit - len {
                    return Err(BodyError::TooLarge { limit: *this.limit });
                }
                let chunk = data.copy_to_bytes(data.remaining());
                self.as_mut().hash(&chunk, budget);
                self.keep(chunk);
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.project().read.push_trailers(trailers).map_err(|full| BodyError::Failed(full.into()))?;
            }
        }
        Ok(())
    }

    fn keep(self: Pin<&mut Self>, chunk: Bytes) {
        let this = self.project();
        if chunk.len() < SHORT && this.read.len > 0 {
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
        let len = read.len as u64;
        if len < this.claimed.lower() || this.claimed.upper().is_some_and(|upper| len > upper) {
            return Err(BodyError::Length { read: read.len });
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
