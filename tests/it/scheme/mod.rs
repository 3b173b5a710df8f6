//! The canonical string and its signature, against other implementations.

mod python;
pub(crate) mod vectors;
mod worked_example;
