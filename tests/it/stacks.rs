//! The layer among other tower layers.
