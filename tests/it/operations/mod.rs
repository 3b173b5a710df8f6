//! Long runs, faults, logs and the programs in `examples/`.

#[cfg(feature = "tracing")]
mod rejection_events;
