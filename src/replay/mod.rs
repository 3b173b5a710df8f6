//! Rejecting replays: [`RejectReplaysLayer`] lets each signed request pass once.

// `layer` is the builder; `service` and `future` run a request through it. `guard` remembers signatures, and `memory`
// is the guard for a single process. `rejection` is why a request did not pass.

mod future;
mod guard;
mod layer;
mod memory;
mod rejection;
mod service;

pub use self::{
    future::ResponseFuture,
    guard::ReplayGuard,
    layer::RejectReplaysLayer,
    memory::{MemoryReplayGuard, MemoryReplayGuardError},
    rejection::ReplayRejection,
    service::RejectReplays,
};
pub use crate::body::ResponseBody;
