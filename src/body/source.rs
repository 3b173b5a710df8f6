//! A body that can be sent more than once, whatever its size.

use std::{
    fmt, future, io, mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use sha2::{Digest, Sha256};
use tower::BoxError;

use crate::BodyDigest;

/// The most that one frame carries and one poll hashes.
const MAX_FRAME: usize = 256 * 1024;

/// A body that can be read anew for each attempt, so that uploads of any size can be retried and redirected in constant
/// memory.
///
/// Create it from a closure that opens the body, from a file with `BodySource::file` (feature `fs`), or from [`Bytes`].
/// The constructor reads the body once, to determine its length and its [`BodyDigest`]. Add the digest to the
/// extensions of the request: the layer then signs it and streams the body.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower_logentries_auth::BodySource;
///
/// # async fn run() -> Result<(), tower::BoxError> {
/// let body = BodySource::new(|| Full::new(Bytes::from_static(b"a body, as from a database"))).await?;
/// let request = Request::put("https://rest.logentries.com/management/accounts/7/users")
///     .extension(body.digest())
///     .body(body)?;
/// let again = request.clone(); // starts from the beginning, as every clone does
/// # Ok(())
/// # }
/// ```
///
/// `size_hint` is exact, so the body is sent with `Content-Length`. It is hashed again while it is sent. If it has
/// changed, it fails with an [`io::Error`] of kind [`InvalidData`](io::ErrorKind::InvalidData) before its last chunk,
/// so that no server receives a complete body with an invalid signature.
pub struct BodySource {
    origin: Origin,
    left: u64,
    /// Only ever reached through `&mut`: the lock makes it `Sync` over a body that is not.
    reading: Mutex<Option<Reading>>,
}

#[derive(Clone)]
enum Origin {
    Memory(Bytes),
    Reopened(Arc<Reopened>),
}

type Open = dyn Fn() -> UnsyncBoxBody<Bytes, BoxError> + Send + Sync;

struct Reopened {
    open: Box<Open>,
    len: u64,
    digest: BodyDigest,
}

struct Reading {
    body: UnsyncBoxBody<Bytes, BoxError>,
    chunk: Bytes,
    sha256: Sha256,
}

impl BodySource {
    /// Creates a body from a closure that opens it. The closure is called now, to read the body once, and for each
    /// attempt.
    ///
    /// # Errors
    ///
    /// Returns the error of the body, or an error if it has trailers, because the digest does not cover them.
    pub async fn new<F, B>(open: F) -> Result<Self, BoxError>
    where
        F: Fn() -> B + Send + Sync + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let open = move || {
            let body = open().map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
            body.map_err(Into::into).boxed_unsync()
        };
        let (len, digest) = hash(open()).await?;
        Ok(Self::reopened(Reopened { open: Box::new(open), len, digest }))
    }

    /// Creates a body from the file at `path`. The file is opened now, to read it once in chunks of 256 KiB, and for
    /// each attempt.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
    ///
    /// # Panics
    ///
    /// Reading panics outside a tokio runtime.
    #[cfg(feature = "fs")]
    #[cfg_attr(docsrs, doc(cfg(feature = "fs")))]
    pub async fn file(path: impl Into<std::path::PathBuf>) -> io::Result<Self> {
        let path: Arc<std::path::Path> = path.into().into();
        let source = Self::new(move || super::file::FileBody::open(Arc::clone(&path))).await;
        source.map_err(|error| match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        })
    }

    /// Returns the digest of the body, for the extensions of the request.
    pub fn digest(&self) -> BodyDigest {
        match &self.origin {
            Origin::Memory(bytes) => BodyDigest::of(bytes),
            Origin::Reopened(reopened) => reopened.digest,
        }
    }

    /// Returns the length of the whole body in bytes, however much of it was read.
    pub fn len(&self) -> u64 {
        self.origin.len()
    }

    /// Returns whether the body has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn reopened(reopened: Reopened) -> Self {
        Self::from_origin(Origin::Reopened(Arc::new(reopened)))
    }

    fn from_origin(origin: Origin) -> Self {
        Self { left: origin.len(), origin, reading: Mutex::new(None) }
    }
}

impl Origin {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Reopened(reopened) => reopened.len,
        }
    }
}

/// Reads a body to its end, and lets other tasks run in between.
async fn hash(mut body: UnsyncBoxBody<Bytes, BoxError>) -> Result<(u64, BodyDigest), BoxError> {
    let (mut len, mut sha256) = (0, Sha256::new());
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().map_err(|_| "a body that is sent more than once cannot have trailers")?;
        len += data.len() as u64;
        for piece in data.chunks(MAX_FRAME) {
            sha256.update(piece);
            yield_now().await;
        }
    }
    Ok((len, BodyDigest::from_sha256(sha256.finalize().into())))
}

async fn yield_now() {
    let mut has_yielded = false;
    future::poll_fn(|cx| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Reading {
    fn start(open: &Open) -> Self {
        Self { body: open(), chunk: Bytes::new(), sha256: Sha256::new() }
    }

    /// Returns the next chunk of a body of which `left` bytes remain, and the last one only if the digest matches.
    fn poll_piece(&mut self, cx: &mut Context<'_>, left: u64, digest: BodyDigest) -> Poll<Result<Bytes, BoxError>> {
        while self.chunk.is_empty() {
            self.chunk = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(frame) => frame?.into_data().unwrap_or_default(),
                None => return Poll::Ready(Err(changed())),
            };
        }
        let piece = self.chunk.split_to(self.chunk.len().min(MAX_FRAME));
        self.sha256.update(&piece);
        let is_changed = match left.checked_sub(piece.len() as u64) {
            Some(0) => BodyDigest::from_sha256(self.sha256.finalize_reset().into()) != digest,
            Some(_) => false,
            None => true,
        };
        Poll::Ready(if is_changed { Err(changed()) } else { Ok(piece) })
    }
}

fn changed() -> BoxError {
    io::Error::new(io::ErrorKind::InvalidData, "the body changed after it was hashed: create its BodySource again")
        .into()
}

impl Body for BodySource {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let result = match &this.origin {
            Origin::Memory(bytes) => Ok(bytes.clone()),
            Origin::Reopened(reopened) => {
                let reading = this.reading.get_mut().unwrap_or_else(PoisonError::into_inner);
                let reading = reading.get_or_insert_with(|| Reading::start(&reopened.open));
                ready!(reading.poll_piece(cx, this.left, reopened.digest))
            }
        };
        // Nothing comes after an error.
        this.left = result.as_ref().map_or(0, |piece| this.left - piece.len() as u64);
        Poll::Ready(Some(result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A clone starts at the beginning, however much of the original was read.
impl Clone for BodySource {
    fn clone(&self) -> Self {
        Self::from_origin(self.origin.clone())
    }
}

/// An empty body.
impl Default for BodySource {
    fn default() -> Self {
        Bytes::new().into()
    }
}

/// Holds the bytes in memory. Clones share them.
impl From<Bytes> for BodySource {
    fn from(bytes: Bytes) -> Self {
        Self::from_origin(Origin::Memory(bytes))
    }
}

impl fmt::Debug for BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySource").field("len", &self.len()).field("left", &self.left).finish_non_exhaustive()
    }
}
