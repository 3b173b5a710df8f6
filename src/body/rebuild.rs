//! How a body that was read is converted back to the body type of the inner service.

use bytes::Bytes;

use super::{BodyError, BufferedBody};

/// Rebuilds a body of type `B` from one that was read.
///
/// Implemented by [`RebuildFromBytes`] for every `B: From<Bytes>`, and by closures `Fn(BufferedBody) -> B` for any
/// other type. A closure is responsible for the trailers: see [`BufferedBody::trailers`].
///
/// This trait is sealed. It is public so that generic code can name it in its bounds.
#[allow(private_bounds)] // which seals it
pub trait RebuildBody<B>: Rebuild<B> {}

impl<R: Rebuild<B>, B> RebuildBody<B> for R {}

// Here, because the compiler reports the trait that seals.
#[diagnostic::on_unimplemented(
    message = "a body of type `{B}` cannot be rebuilt after it was read",
    note = "`{B}` is not `From<Bytes>`: add `.rebuild_body(BufferedBody::boxed)` to the layer for a boxed body, \
            `.rebuild_body(|body: BufferedBody| ...)` for any other",
    note = "a layer such as `RequestBodyLimitLayer` changes the body's type: in axum, put \
            `.map_request(|request: Request<_>| request.map(Body::new))` between it and this layer"
)]
pub(crate) trait Rebuild<B> {
    /// Rebuilds the body, unless `B` cannot carry its trailers.
    fn rebuild(&self, body: BufferedBody) -> Result<B, BodyError>;
}

/// Rebuilds bodies that are `From<Bytes>`, such as [`Full<Bytes>`](http_body_util::Full),
/// [`axum::body::Body`](https://docs.rs/axum/0.8/axum/body/struct.Body.html) and
/// [`reqwest::Body`](https://docs.rs/reqwest/0.13/reqwest/struct.Body.html). This is the default.
///
/// A body with trailers is an error, because [`Bytes`] cannot hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RebuildFromBytes;

impl<B: From<Bytes>> Rebuild<B> for RebuildFromBytes {
    fn rebuild(&self, body: BufferedBody) -> Result<B, BodyError> {
        if body.trailers().is_some() { Err(BodyError::UnsupportedTrailers) } else { Ok(Bytes::from(body).into()) }
    }
}

impl<F: Fn(BufferedBody) -> B, B> Rebuild<B> for F {
    fn rebuild(&self, body: BufferedBody) -> Result<B, BodyError> {
        Ok(self(body))
    }
}
