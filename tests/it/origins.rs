//! Where credentials go, and where they do not.
