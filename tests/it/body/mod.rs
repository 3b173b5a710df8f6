//! Bodies: how they are read to be signed, and how they arrive.

mod buffered;
mod framing;
