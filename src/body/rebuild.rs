//! How a body that was read is converted back to the body type of the inner service.

use bytes::Bytes;

use super::BufferedBody;

/// Rebuilds a body of type `B` from one that was read.
///
/// Implemented by [`RebuildFromBytes`] for every `B: From<Bytes>`, and by closures `Fn(BufferedBody) -> B` for any
/// other type. A closure is responsible for the trailers: see [`BufferedBody::trailers`].
#[diagnostic::on_unimplemented(
    message = "a body of type `{B}` cannot be rebuilt after it was read",
    note = "`{B}` is not `From<Bytes>`: add `.rebuild_body(|body: BufferedBody| ...)` to the layer"
)]
pub trait RebuildBody<B> {
    /// Rebuilds the body, or returns `None` if `B` cannot carry its trailers.
    fn rebuild(&self, body: BufferedBody) -> Option<B>;

    /// Returns whether `rebuild` joins the chunks of a body, as converting it to [`Bytes`] does. Defaults to `false`.
    ///
    /// They are then joined as they arrive, which takes less memory than joining them at the end.
    fn joins_chunks(&self) -> bool {
        false
    }
}

/// Rebuilds bodies that are `From<Bytes>`, such as [`Full<Bytes>`](http_body_util::Full),
/// [`axum::body::Body`](https://docs.rs/axum/0.8/axum/body/struct.Body.html) and
/// [`reqwest::Body`](https://docs.rs/reqwest/0.13/reqwest/struct.Body.html). This is the default.
///
/// Several chunks are copied into one as they arrive. A body with trailers is an error, because [`Bytes`] cannot hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RebuildFromBytes;

impl<B: From<Bytes>> RebuildBody<B> for RebuildFromBytes {
    fn rebuild(&self, body: BufferedBody) -> Option<B> {
        body.trailers().is_none().then(|| Bytes::from(body).into())
    }

    fn joins_chunks(&self) -> bool {
        true
    }
}

impl<F: Fn(BufferedBody) -> B, B> RebuildBody<B> for F {
    fn rebuild(&self, body: BufferedBody) -> Option<B> {
        Some(self(body))
    }
}
