//! Keys that are replaced while requests are under way.
