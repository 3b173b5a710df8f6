//! The signing layer, a file a guarantee or setter.

mod connection_header;
