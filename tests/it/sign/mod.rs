//! The signing layer, a file a guarantee or setter.

#[cfg(all(feature = "fs", feature = "retry"))]
mod body_source;
mod clock_skew;
mod connection_header;
mod distinct_signatures;
mod explicit_access;
mod handles;
#[cfg(feature = "retry")]
mod retry;
