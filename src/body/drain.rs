//! Reading on after a rejection, and dropping what is read.
//!
//! Over HTTP/1, hyper closes a connection whose request was not read to its end, and the operating system then resets
//! it: a client that is still sending loses the response. Go's `net/http` and nginx read on as well.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use http_body::Body;

use self::timer::Timer;

/// How many frames one poll drops before it lets other tasks run.
const FRAMES_PER_POLL: usize = 64;

/// How much of a rejected body is read, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// What is left of the limits while a body is drained.
pub(crate) struct Drain {
    bytes: usize,
    timer: Timer,
}

impl Default for DrainLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, time: Duration::from_secs(5) }
    }
}

impl Drain {
    /// Returns `None` for a body that has ended, or is known not to end within the limit.
    pub(crate) fn start(body: &impl Body, limits: DrainLimits) -> Option<Self> {
        if limits.bytes == 0 || body.is_end_stream() || body.size_hint().lower() > limits.bytes as u64 {
            return None;
        }
        Some(Self { bytes: limits.bytes, timer: Timer::new(limits.time) })
    }

    /// Completes when the body has ended or failed, or a limit is reached.
    pub(crate) fn poll<B: Body>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..FRAMES_PER_POLL {
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else { return self.timer.poll(cx) };
            let Some(Ok(frame)) = frame else { return Poll::Ready(()) };
            // An empty frame counts too, so that a body of nothing else ends.
            let len = frame.data_ref().map_or(0, Buf::remaining).max(1);
            match self.bytes.checked_sub(len) {
                Some(left) => self.bytes = left,
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        self.timer.poll(cx)
    }
}

#[cfg(feature = "drain")]
mod timer {
    use std::{
        pin::Pin,
        task::{Context, Poll},
        time::Duration,
    };

    use tokio::{
        runtime::Handle,
        time::{Sleep, sleep},
    };

    /// Starts when the body first has to be waited for.
    pub(super) struct Timer {
        time: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl Timer {
        pub(super) fn new(time: Duration) -> Self {
            Self { time, sleep: None }
        }

        /// Completes at once outside a tokio runtime.
        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            if self.sleep.is_none() && Handle::try_current().is_err() {
                return Poll::Ready(());
            }
            self.sleep.get_or_insert_with(|| Box::pin(sleep(self.time))).as_mut().poll(cx)
        }
    }
}

/// Without a timer nothing is waited for: a client that stops sending would never be answered.
#[cfg(not(feature = "drain"))]
mod timer {
    use std::{
        task::{Context, Poll},
        time::Duration,
    };

    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new(_: Duration) -> Self {
            Self
        }

        #[allow(clippy::unused_self)]
        pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
}
