//! Long runs, faults, logs and the programs in `examples/`.

#[cfg(all(feature = "axum", feature = "cache", feature = "tracing"))]
mod keys_in_database;
#[cfg(feature = "tracing")]
mod rejection_events;
