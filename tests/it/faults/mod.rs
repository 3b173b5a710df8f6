//! Servers, bodies and callers that fail.
//!
//! After each failure the same client, or server, has to work, with the one permit of a concurrency limit still there.

mod bodies;
mod dropped;
mod fairness;
mod inner;
mod servers;
mod tls;

use std::{future::poll_fn, mem, task::Poll};

/// Waits once, at the end of the queue: `tokio::task::yield_now` would wait for the sockets as well.
async fn wait() {
    let mut is_waiting = true;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::take(&mut is_waiting) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}
