//! Which key a request is sent with.
