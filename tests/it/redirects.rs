//! Clients that are sent elsewhere.
