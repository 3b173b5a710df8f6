//! A body that was read into memory.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, iter, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::MaxSizeReached};
use http_body::{Body, Frame, SizeHint};

/// A body that was read to be signed or verified, with its trailers.
///
/// The closure given to `rebuild_body` of either layer receives it, and returns the body type of the inner service. It
/// implements [`Body`], so boxing it is often enough. Converting it to [`Bytes`] joins the chunks and discards the
/// trailers.
///
/// `size_hint` is exact, so the body is sent with `Content-Length`. A body with trailers has no exact size, because
/// HTTP/1 sends trailers only with chunked encoding.
///
/// A body in one chunk is not copied. Several are copied into one where
/// [`RebuildBody::joins_chunks`](crate::RebuildBody::joins_chunks) says so. Otherwise a chunk is kept as it is if it has its
/// memory to itself and at least 4 KiB, or if it is a slice of at least 512 KiB; shorter ones are copied into longer ones.
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
#[derive(Clone, Default)]
pub struct BufferedBody {
    /// Empty if no byte is left.
    first: Bytes,
    len: usize,
    /// Apart, so that a body in one piece is small and needs no allocation.
    rest: Option<Box<Rest>>,
}

/// What hardly any body has.
#[derive(Clone, Default)]
struct Rest {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

impl BufferedBody {
    /// Returns the trailers of the body, if any.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.rest.as_ref()?.trailers.as_ref()
    }

    /// Returns how many bytes are left.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Creates a body of one chunk, without trailers.
    pub(crate) fn of_chunk(chunk: Bytes) -> Self {
        Self { len: chunk.len(), first: chunk, ..Self::default() }
    }

    /// Returns the remaining bytes, chunk by chunk.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let rest = self.rest.iter().flat_map(|rest| &rest.chunks);
        iter::once(&self.first).chain(rest).map(|chunk| &chunk[..])
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        let len = chunk.len();
        if self.len == 0 {
            self.first = chunk;
        } else {
            self.rest.get_or_insert_default().chunks.push_back(chunk);
        }
        self.len += len;
    }

    pub(super) fn push_trailers(&mut self, more: HeaderMap) -> Result<(), MaxSizeReached> {
        if more.is_empty() {
            return Ok(());
        }
        match &mut self.rest.get_or_insert_default().trailers {
            Some(trailers) => {
                more.iter().try_for_each(|(name, value)| trailers.try_append(name, value.clone()).map(drop))
            }
            none => {
                *none = Some(more);
                Ok(())
            }
        }
    }

    pub(super) fn next(&mut self) -> Option<Bytes> {
        let chunk = match mem::take(&mut self.first) {
            first if first.is_empty() => self.rest.as_mut()?.chunks.pop_front()?,
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
        let trailers = || self.rest.as_mut()?.trailers.take().map(Frame::trailers);
        Poll::Ready(frame.or_else(trailers).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.len == 0 && self.trailers().is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.len as u64);
        if self.trailers().is_none() {
            hint.set_exact(self.len as u64);
        }
        hint
    }
}

/// Joins the chunks, copying if there is more than one. Trailers are discarded.
impl From<BufferedBody> for Bytes {
    fn from(mut body: BufferedBody) -> Self {
        if body.first.len() == body.len {
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
            .field("trailers", &self.trailers().is_some())
            .finish_non_exhaustive()
    }
}
