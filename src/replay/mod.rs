//! Rejecting replays: [`RejectReplaysLayer`] lets each signed request pass once.
//!
//! `layer` is the builder, `service` and `future` run a request through it, and `guard` is what remembers signatures:
//! `memory` is the one for a single process. A request that does not pass ends as a `rejection`.

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
