//! A clock that is set by hand, and a retry policy for clocks that are wrong.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use http::{Request, Response};
use tower::retry::Policy;
use tower_logentries_auth::client::ClockSkewCorrected;

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

/// Tries once more where the clock was corrected, as the documentation of [`ClockSkewCorrected`] has it.
#[derive(Debug, Clone)]
pub(crate) struct RetryCorrected {
    pub(crate) tries_left: usize,
}

impl<B: Clone, T, E> Policy<Request<B>, Response<T>, E> for RetryCorrected {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<B>, result: &mut Result<Response<T>, E>) -> Option<Ready<()>> {
        let is_corrected = result.as_ref().is_ok_and(|r| r.extensions().get::<ClockSkewCorrected>().is_some());
        self.tries_left = self.tries_left.checked_sub(1).filter(|_| is_corrected)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}
