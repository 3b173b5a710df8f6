//! Bodies that do what bodies may do.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// Trailers that can be known again.
pub(crate) fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-checksum".parse().unwrap(), "1234".parse().unwrap())])
}

/// One answer of a [`Scripted`] body to a poll.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Data(&'static [u8]),
    Bytes(Bytes),
    Trailers(HeaderMap),
    /// Nothing yet: the task is woken at once.
    Pending,
    /// Nothing, and no wake-up ever.
    Stall,
    Fail(&'static str),
}

/// A body that follows a script. It says that it is at its end only by ending.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    acts: VecDeque<Act>,
    claimed: Option<u64>,
}

impl Scripted {
    pub(crate) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self { acts: acts.into_iter().collect(), claimed: None }
    }

    /// The same, claiming this size.
    pub(crate) fn claiming(self, size: u64) -> Self {
        Self { claimed: Some(size), ..self }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(act) = self.acts.pop_front() else { return Poll::Ready(None) };
        Poll::Ready(Some(match act {
            Act::Data(data) => Ok(Frame::data(Bytes::from_static(data))),
            Act::Bytes(data) => Ok(Frame::data(data)),
            Act::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            Act::Fail(message) => Err(std::io::Error::other(message)),
            Act::Pending => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Act::Stall => {
                self.acts.push_front(Act::Stall);
                return Poll::Pending;
            }
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.claimed.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// Tells whether what was made from it is still held anywhere.
#[derive(Debug)]
pub(crate) struct Guard {
    held: Weak<[u8]>,
}

impl Guard {
    /// Bytes that share one buffer, and the guard that tells when the last of them is gone.
    pub(crate) fn bytes(text: &[u8]) -> (Bytes, Self) {
        let buffer: Arc<[u8]> = text.into();
        let held = Arc::downgrade(&buffer);
        (Bytes::from_owner(buffer), Self { held })
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }
}
