//! Request bodies that are read to be signed or verified, and rebuilt afterwards.
//!
//! A body is read by [`Collect`], which hashes it on the way, is kept as a [`BufferedBody`], and becomes the service's own
//! body type again through [`RebuildBody`]. A [`BodySource`] is never kept: it starts anew each time. The rest of a rejected
//! body is read by [`Drain`], which keeps nothing. `response` is the body of what the server's side answers with.

mod buffered;
mod collect;
mod drain;
#[cfg(feature = "fs")]
mod file;
mod rebuild;
mod response;
mod source;

use tower::BoxError;

pub use self::{
    buffered::BufferedBody,
    rebuild::{RebuildBody, RebuildFromBytes},
    response::ResponseBody,
    source::BodySource,
};
pub(crate) use self::{
    collect::Collect,
    drain::{Drain, DrainLimits},
};

/// How many bytes of a body a layer buffers by default.
pub(crate) const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

/// Why a body could not be read, or not be rebuilt.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge {
        limit: usize,
    },
    Read(BoxError),
    /// The body ended short of the size that it claimed, or went past it.
    LengthMismatch {
        read: usize,
    },
    UnsupportedTrailers,
}
