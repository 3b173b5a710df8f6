//! Servers, bodies and callers that fail.
