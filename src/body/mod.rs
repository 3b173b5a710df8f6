//! Request bodies that are read to be signed or verified, and rebuilt afterwards.
//!
//! [`Collect`] reads and hashes a body, [`BufferedBody`] holds its `chunks`, and [`RebuildBody`] converts it back to the body
//! type of the inner service. A [`BodySource`] is never held: it is read anew each time. [`Drain`] reads the rest of a
//! rejected body, and holds nothing. `response` is the response body of the layers on the server's side.

mod buffered;
mod chunks;
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

/// Why a body could not be read or rebuilt.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge {
        limit: usize,
    },
    Read(BoxError),
    /// The body was shorter or longer than its size hint.
    LengthMismatch {
        read: usize,
    },
    UnsupportedTrailers,
}
