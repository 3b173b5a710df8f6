//! The signing layer, a file a guarantee or setter.

mod assume_origin;
mod connection_header;
mod distinct_signatures;
mod errors;
mod explicit_access;
mod handles;
mod headers;
mod origins;
mod properties;
mod repeated_attempts;
mod reqwest_requests;
mod retry;
mod skew;
