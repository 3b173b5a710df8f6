//! Rejecting replays: [`RejectReplaysLayer`] lets each signed request pass once.

// `layer` configures; `service` runs a request through it. `guard` remembers signatures, and `memory` is the guard
// for a single process.

mod guard;
mod layer;
mod memory;
mod service;

pub use self::guard::ReplayGuard;
pub use self::layer::RejectReplaysLayer;
pub use self::memory::{MemoryReplayGuard, MemoryReplayGuardError};
pub use self::service::{RejectReplays, ResponseFuture};
