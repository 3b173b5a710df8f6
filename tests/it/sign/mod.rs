//! The signing layer, a file a guarantee or setter.

mod clock_skew;
mod connection_header;
mod explicit_access;
mod handles;
#[cfg(feature = "retry")]
mod retry;
