//! Long runs, faults, logs and the programs in `examples/`.
