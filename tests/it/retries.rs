//! Requests that are sent again.
