//! Rejecting replays: [`RejectReplaysLayer`] lets each signed request pass once.

// `layer` configures, `service` runs a request through it, and `guard` remembers signatures.

mod guard;
mod layer;
mod service;

pub use self::guard::{MemoryReplayGuard, MemoryReplayGuardError, ReplayGuard};
pub use self::layer::RejectReplaysLayer;
pub use self::service::{RejectReplays, ResponseFuture};
