//! Request bodies that are read to be signed or verified, and rebuilt afterwards.
//!
//! [`Collect`] reads and hashes a body, [`BufferedBody`] holds what was read, and [`RebuildBody`] converts it back to the
//! body type of the inner service.

mod buffered;
mod collect;
mod rebuild;

use crate::BoxError;

pub use self::buffered::BufferedBody;
pub(crate) use self::collect::Collect;
pub use self::rebuild::{RebuildBody, RebuildFromBytes};

/// How many bytes of a body a layer buffers by default.
pub(crate) const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

/// Why a body could not be read or rebuilt. `LengthMismatch` means that its length contradicts its size hint.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge { limit: usize },
    Read(BoxError),
    LengthMismatch { read: usize },
    UnsupportedTrailers,
}
