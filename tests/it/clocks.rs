//! Clocks that are wrong, and clocks that lie.
