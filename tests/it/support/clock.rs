//! A clock that is set by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use super::at;

/// A clock that stands still until it is set.
#[derive(Debug, Clone)]
pub(crate) struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn at(second: u64) -> Self {
        Self(Arc::new(second.into()))
    }

    pub(crate) fn set(&self, second: u64) {
        self.0.store(second, Ordering::SeqCst);
    }

    pub(crate) fn second(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn reading(&self) -> impl Fn() -> SystemTime + Clone + Send + Sync + 'static {
        let second = Arc::clone(&self.0);
        move || at(second.load(Ordering::SeqCst))()
    }
}

/// `Thu, 17 Aug 2017 20:16:24 GMT` and the like.
pub(crate) fn date(second: u64) -> String {
    httpdate::fmt_http_date(at(second)())
}
