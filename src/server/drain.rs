//! Reading on after a rejection, and dropping what is read.
//!
//! Over HTTP/1, hyper closes a connection whose request was not read to its end, and the operating system then resets
//! it: a client that is still sending loses the response. Go's `net/http` and nginx read on as well.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use http_body::Body;
#[cfg(feature = "drain")]
use tokio::time::{Sleep, sleep};

/// How many frames one poll drops before it lets other tasks run.
const FRAMES_PER_POLL: usize = 64;

/// How much of a rejected body is read, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrainLimits {
    pub(super) bytes: usize,
    #[cfg_attr(not(feature = "drain"), allow(dead_code))]
    pub(super) time: Duration,
}

impl Default for DrainLimits {
    /// The time is short, so that an outer timeout does not hide the rejection. Without the feature nothing is drained: without
    /// a timer, a client that stops sending would never be answered.
    fn default() -> Self {
        Self { bytes: if cfg!(feature = "drain") { 64 * 1024 } else { 0 }, time: Duration::from_millis(500) }
    }
}

/// What is left of the limits while a body is drained.
pub(super) struct Drain {
    limits: DrainLimits,
    /// Starts when the body first has to be waited for.
    #[cfg(feature = "drain")]
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Drain {
    /// Returns `None` if the response arrives without draining, or the body is known not to end within the limit.
    pub(super) fn start(head: &Parts, body: &impl Body, is_unread: bool, limits: DrainLimits) -> Option<Self> {
        // Over HTTP/2 a response does not depend on the request's end. A client that waits for `100 Continue` sends
        // nothing.
        let arrives = head.version >= Version::HTTP_2 || is_unread && head.headers.contains_key(EXPECT);
        let is_too_long = body.size_hint().lower() > limits.bytes as u64;
        let drains = limits.bytes > 0 && !arrives && !is_too_long && !body.is_end_stream();
        drains.then_some(Self {
            limits,
            #[cfg(feature = "drain")]
            sleep: None,
        })
    }

    /// Completes when the body has ended or failed, or a limit is reached.
    pub(super) fn poll<B: Body>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..FRAMES_PER_POLL {
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else { return self.poll_timer(cx) };
            let Some(Ok(frame)) = frame else { return Poll::Ready(()) };
            // An empty frame counts too, so that a body of nothing else ends.
            let len = frame.data_ref().map_or(0, Buf::remaining).max(1);
            match self.limits.bytes.checked_sub(len) {
                Some(left) => self.limits.bytes = left,
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        self.poll_timer(cx)
    }

    /// Completes at once outside a tokio runtime.
    #[cfg_attr(not(feature = "drain"), expect(unused_variables, clippy::unused_self))]
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "drain")]
        if self.sleep.is_some() || tokio::runtime::Handle::try_current().is_ok() {
            return self.sleep.get_or_insert_with(|| Box::pin(sleep(self.limits.time))).as_mut().poll(cx);
        }
        Poll::Ready(())
    }
}
