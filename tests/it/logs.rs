//! What feature tracing tells.
