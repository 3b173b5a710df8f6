//! Rejecting replays: [`RejectReplaysLayer`] lets each signed request pass once.

// `layer` configures; `service` and `future` run a request through it. `guard` remembers signatures, and `memory` is the guard
// for a single process.

mod future;
mod guard;
mod layer;
mod memory;
mod service;

pub use self::future::ResponseFuture;
pub use self::guard::ReplayGuard;
pub use self::layer::RejectReplaysLayer;
pub use self::memory::{MemoryReplayGuard, MemoryReplayGuardError};
pub use self::service::RejectReplays;
