//! The clocks of the origins that signed requests go to: how far each is from the layer's.

use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderValue;

use super::origin::Origin;
use crate::clock::Clock;
use crate::scheme::format_date;
use crate::trace;

/// How many origins' clocks are kept: more than any program needs, unless it lets its users name regions.
const MAX_ORIGINS: usize = 64;
/// A difference of up to this many seconds is not corrected: servers tolerate several minutes.
pub(super) const MIN_SKEW: u64 = 30;
/// A difference of more than this many seconds is not adopted: clocks are wrong by time zones, rarely by days.
const MAX_SKEW: u64 = 24 * 60 * 60;
/// How many refusals in a row change an offset.
const REFUSALS: u8 = 3;
/// Where the count of refusals starts, so that the first request of a wrong clock is corrected at once.
const FIRST_REFUSALS: u8 = 2;

/// The clocks of all origins, shared by every clone of a layer.
#[derive(Clone, Default)]
pub(super) struct OriginClocks {
    pub(super) ours: Clock,
    kept: Arc<RwLock<Vec<Kept>>>,
}

/// What is known of one origin's clock.
struct Kept {
    origin: Arc<Origin<'static>>,
    offset_secs: i64,
    /// How many requests were refused for their date since one was accepted.
    refusals: u8,
}

/// What a request is dated with.
pub(super) struct Dated {
    pub(super) date: HeaderValue,
    /// The second by the layer's clock, and the offset that is in the date.
    pub(super) second: u64,
    pub(super) offset_secs: i64,
}

impl OriginClocks {
    /// Creates the clocks of no origin yet. Each will be measured against `ours`.
    pub(super) fn new(ours: Clock) -> Self {
        Self { ours, kept: Arc::default() }
    }

    /// Returns the origin as it is kept, or a copy of one that is not.
    pub(super) fn kept_origin(&self, origin: &Origin<'_>) -> Arc<Origin<'static>> {
        let kept = self.find(origin, |kept| Arc::clone(&kept.origin));
        kept.unwrap_or_else(|| Arc::new(origin.as_ref().into_owned()))
    }

    /// Returns the offset in use for `origin`, in seconds.
    pub(super) fn offset_secs(&self, origin: &Origin<'_>) -> i64 {
        self.find(origin, |kept| kept.offset_secs).unwrap_or(0)
    }

    /// Returns the date to send with this offset, unless that is out of range.
    pub(super) fn date(&self, offset_secs: i64) -> Option<Dated> {
        let second = self.ours.now()?;
        let date = format_date(second.checked_add_signed(offset_secs)?)?;
        Some(Dated { date, second, offset_secs })
    }

    /// Records that a request dated with the offset `used` was accepted.
    pub(super) fn accepted(&self, origin: &Arc<Origin<'static>>, used: i64) {
        let is_recorded = |kept: &Kept| kept.refusals == 0 || kept.offset_secs != used;
        if !self.find(origin, is_recorded).unwrap_or(false) {
            self.change(origin, used, |kept| kept.refusals = 0);
        }
    }

    /// Counts the refusal of a request dated with the offset `used`, by a server whose clock is `measured` seconds ahead.
    /// Returns the offset in use if another attempt with it is worthwhile.
    pub(super) fn refused(&self, origin: &Arc<Origin<'static>>, used: i64, measured: i64) -> Option<i64> {
        let in_use = self.offset_secs(origin);
        if in_use != used {
            // It was adopted while this request was in flight.
            return (measured.abs_diff(in_use) <= MIN_SKEW).then_some(in_use);
        }
        if measured.abs_diff(used) <= MIN_SKEW || measured.unsigned_abs() > MAX_SKEW {
            return None;
        }
        let is_adopted = self.change(origin, used, |kept| {
            kept.refusals += 1;
            if kept.refusals == REFUSALS {
                (kept.offset_secs, kept.refusals) = (measured, FIRST_REFUSALS);
            }
            kept.offset_secs == measured
        })?;
        if is_adopted {
            trace::clock_skew_corrected(&**origin, measured);
        }
        is_adopted.then_some(measured)
    }

    fn find<T>(&self, origin: &Origin<'_>, read: impl FnOnce(&Kept) -> T) -> Option<T> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| *kept.origin == *origin).map(read)
    }

    /// Changes what is kept of an origin, if the offset `used` is in use. A new origin takes a place, if there is one.
    fn change<T>(&self, origin: &Arc<Origin<'static>>, used: i64, change: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut all = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|kept| kept.origin == *origin).unwrap_or(all.len());
        if at == all.len() && at < MAX_ORIGINS {
            all.push(Kept { origin: Arc::clone(origin), offset_secs: 0, refusals: FIRST_REFUSALS });
        }
        all.get_mut(at).filter(|kept| kept.offset_secs == used).map(change)
    }
}
