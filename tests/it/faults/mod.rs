//! Servers, bodies and callers that fail.
//!
//! After each failure the same client, or server, has to work, with the one permit of a concurrency limit still there.

mod bodies;
mod dropped;
mod fairness;
mod inner;
mod servers;

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Weak},
    task::Poll,
};

use bytes::Bytes;

/// Tells whether what was made from it is still held anywhere.
#[derive(Debug)]
pub(crate) struct Guard {
    held: Weak<[u8]>,
}

impl Guard {
    /// Bytes that share one buffer, and the guard that tells when the last of them is gone.
    fn bytes(text: &[u8]) -> (Bytes, Self) {
        let buffer: Arc<[u8]> = text.into();
        let held = Arc::downgrade(&buffer);
        (Bytes::from_owner(buffer), Self { held })
    }

    fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
}

/// Waits once, at the end of the queue: `tokio::task::yield_now` would wait for the sockets as well.
async fn wait() {
    let mut is_waiting = true;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::take(&mut is_waiting) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}
