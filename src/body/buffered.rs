//! A body that was read into memory.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};

/// A body that was read to be signed or verified, with its trailers.
///
/// The closure given to `rebuild_body` of either layer receives it, and returns the body type of the inner service. It
/// implements [`Body`], and [`boxed`](Self::boxed) is all that a client or server of boxed bodies needs:
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::combinators::BoxBody;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{BoxError, ServiceBuilder};
/// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuthLayer};
///
/// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?);
/// let client = ServiceBuilder::new()
///     .layer(layer.rebuild_body(BufferedBody::boxed))
///     .service(Client::builder(TokioExecutor::new()).build_http::<BoxBody<Bytes, BoxError>>());
/// # fn check<S: tower::Service<http::Request<BoxBody<Bytes, BoxError>>>>(_: S) {}
/// # check(client);
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
///
/// A body that arrived in one chunk is not copied. Several are copied into one.
///
/// Its size is exact, so the body is sent with `Content-Length`. A body with trailers has no exact size, because HTTP/1
/// sends trailers only with chunked encoding. Converting it to [`Bytes`] discards the trailers.
#[derive(Clone, Default)]
pub struct BufferedBody {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
}

impl BufferedBody {
    pub(crate) fn new(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self { bytes, trailers }
    }

    /// Returns the bytes of the body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the trailers of the body, if any.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Returns whether there is nothing in the body, not even trailers.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    /// Boxes the body, with an error type of your choice.
    ///
    /// Where the type of a layer or of a service is named, such as in the field of a struct, write it as a function pointer:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::combinators::BoxBody;
    /// use hyper_util::{client::legacy::{Client, connect::HttpConnector}, rt::TokioExecutor};
    /// use tower::{BoxError, Layer};
    /// use tower_logentries_auth::{BufferedBody, Credentials, LogentriesAuth, LogentriesAuthLayer};
    ///
    /// type Boxed = BoxBody<Bytes, BoxError>;
    ///
    /// struct Api {
    ///     client: LogentriesAuth<Client<HttpConnector, Boxed>, fn(BufferedBody) -> Boxed>,
    /// }
    ///
    /// let layer = LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?)
    ///     .rebuild_body(BufferedBody::boxed as fn(_) -> _);
    /// let api = Api { client: layer.layer(Client::builder(TokioExecutor::new()).build_http()) };
    /// # Ok::<(), tower_logentries_auth::CredentialsError>(())
    /// ```
    pub fn boxed<E: 'static>(self) -> BoxBody<Bytes, E> {
        BodyExt::boxed(self.map_err(|never| match never {}))
    }

    /// Boxes the body like [`boxed`](Self::boxed), for services whose bodies need not be `Sync`.
    pub fn boxed_unsync<E: 'static>(self) -> UnsyncBoxBody<Bytes, E> {
        BodyExt::boxed_unsync(self.map_err(|never| match never {}))
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = mem::take(&mut self.bytes);
        let frame = if bytes.is_empty() { self.trailers.take().map(Frame::trailers) } else { Some(Frame::data(bytes)) };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let len = self.bytes.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(len);
        if self.trailers.is_none() {
            hint.set_exact(len);
        }
        hint
    }
}

/// Discards the trailers.
impl From<BufferedBody> for Bytes {
    fn from(body: BufferedBody) -> Self {
        body.bytes
    }
}

crate::text::opaque_debug!(BufferedBody);
