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

use super::verifier::Verifier;

/// How many frames one poll drops before it lets other tasks run.
const FRAMES_PER_POLL: usize = 64;

/// What may still be read of a body.
pub(super) struct Drain {
    left: usize,
    #[cfg_attr(not(feature = "drain"), expect(dead_code))]
    timeout: Duration,
    /// Starts when the body first has to be waited for.
    timer: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Drain {
    /// Returns `None` if the response arrives without draining, or the body is known not to end within the limit.
    pub(super) fn start(verifier: &Verifier, head: &Parts, body: &impl Body, is_unread: bool) -> Option<Self> {
        let left = verifier.drain_limit;
        // Over HTTP/2 a response does not depend on the request's end. A client that waits for `100 Continue` sends
        // nothing.
        let arrives = head.version >= Version::HTTP_2 || is_unread && head.headers.contains_key(EXPECT);
        let is_too_long = body.size_hint().lower() > left as u64;
        let drains = left > 0 && !arrives && !is_too_long && !body.is_end_stream();
        drains.then_some(Self { left, timeout: verifier.drain_timeout, timer: None })
    }

    /// Completes when the body has ended or failed, or a limit is reached.
    pub(super) fn poll<B: Body>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..FRAMES_PER_POLL {
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else { return self.poll_timer(cx) };
            let Some(Ok(frame)) = frame else { return Poll::Ready(()) };
            // An empty frame counts too, so that a body of nothing else ends.
            let len = frame.data_ref().map_or(0, Buf::remaining).max(1);
            let Some(left) = self.left.checked_sub(len) else { return Poll::Ready(()) };
            self.left = left;
        }
        cx.waker().wake_by_ref();
        self.poll_timer(cx)
    }

    /// Completes at once outside a tokio runtime.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "drain")]
        if self.timer.is_none() && tokio::runtime::Handle::try_current().is_ok() {
            self.timer = Some(Box::pin(tokio::time::sleep(self.timeout)));
        }
        self.timer.as_mut().map_or(Poll::Ready(()), |timer| timer.as_mut().poll(cx))
    }
}
