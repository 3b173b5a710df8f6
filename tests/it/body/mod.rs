//! Bodies that are buffered, rebuilt and sent.

mod buffered;
mod framing;
mod source;
