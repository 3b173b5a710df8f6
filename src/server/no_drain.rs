//! Without feature `drain` nothing is read after a rejection: without a timer, a client that stops sending would never be
//! answered.

use std::pin::Pin;
use std::task::{Context, Poll};

/// What never happens.
pub(super) enum Drain {}

impl Drain {
    pub(super) fn poll<B>(&mut self, _: Pin<&mut B>, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}
