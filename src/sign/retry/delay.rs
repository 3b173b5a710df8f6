//! The wait before another attempt.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// Future that completes when a request is due to be sent again.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryDelay {
        #[pin]
        sleep: Sleep,
    }
}

impl RetryDelay {
    pub(super) fn new(wait: Duration) -> Self {
        Self { sleep: sleep(wait) }
    }
}

impl Future for RetryDelay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}
