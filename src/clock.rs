//! The clock of a layer: the system's, or a custom one.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::scheme::LAST_SECOND;

/// The clock of a layer. The default is the system's.
#[derive(Clone, Default)]
pub(crate) struct Clock {
    custom: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
}

impl Clock {
    pub(crate) fn new(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { custom: Some(Arc::new(clock)) }
    }

    /// Returns whole seconds since 1970, or `None` before it and after the year 9999.
    pub(crate) fn now(&self) -> Option<u64> {
        u64::try_from(self.secs()).ok().filter(|second| *second <= LAST_SECOND)
    }

    /// Returns whole seconds since 1970, whatever the clock says.
    pub(crate) fn secs(&self) -> i64 {
        let now = self.custom.as_ref().map_or_else(SystemTime::now, |clock| clock());
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs - 1),
        }
    }
}
