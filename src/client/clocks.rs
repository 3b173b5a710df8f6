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

/// The clock of the origin that a request goes to.
#[derive(Clone)]
pub(super) struct OriginClock {
    origin: Arc<Origin<'static>>,
    clocks: OriginClocks,
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

    pub(super) fn of(&self, origin: &Origin<'_>) -> OriginClock {
        let kept = self.find(origin, |kept| Arc::clone(&kept.origin));
        OriginClock { origin: kept.unwrap_or_else(|| Arc::new(origin.clone().into_owned())), clocks: self.clone() }
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

    fn find<T>(&self, origin: &Origin<'_>, read: impl FnOnce(&Kept) -> T) -> Option<T> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| *kept.origin == *origin).map(read)
    }
}

impl OriginClock {
    pub(super) fn origin(&self) -> &Origin<'static> {
        &self.origin
    }

    /// Returns the second in which the layer's clock is.
    pub(super) fn now(&self) -> Option<u64> {
        self.clocks.ours.now()
    }

    /// Returns the date to send, unless that is out of range.
    pub(super) fn date(&self) -> Option<Dated> {
        self.clocks.date(self.clocks.offset_secs(self.origin()))
    }

    /// Records that a request dated with the offset `used` was accepted.
    pub(super) fn accepted(&self, used: i64) {
        let is_known = |kept: &Kept| kept.refusals == 0 || kept.offset_secs != used;
        if !self.clocks.find(self.origin(), is_known).unwrap_or(false) {
            self.change(used, |kept| kept.refusals = 0);
        }
    }

    /// Counts the refusal of a request dated with the offset `used`, by a server whose clock is `measured` seconds ahead.
    /// Returns the offset in use if it is another one, and the server's clock agrees with it.
    pub(super) fn refused(&self, used: i64, measured: i64) -> Option<i64> {
        let in_use = self.clocks.offset_secs(self.origin());
        if in_use != used {
            // It was adopted while this request was in flight.
            return (measured.abs_diff(in_use) <= MIN_SKEW).then_some(in_use);
        }
        if measured.abs_diff(used) <= MIN_SKEW || measured.unsigned_abs() > MAX_SKEW {
            return None;
        }
        let adopted = self.change(used, |kept| {
            kept.refusals += 1;
            if kept.refusals < REFUSALS {
                return None;
            }
            (kept.offset_secs, kept.refusals) = (measured, FIRST_REFUSALS);
            Some(measured)
        })??;
        trace::clock_skew_corrected(&*self.origin, adopted);
        Some(adopted)
    }

    /// Changes what is kept of this origin, if the offset `used` is in use. A new origin takes a place, if there is one.
    fn change<T>(&self, used: i64, change: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut all = self.clocks.kept.write().unwrap_or_else(PoisonError::into_inner);
        let at = match all.iter().position(|kept| *kept.origin == *self.origin) {
            Some(at) => at,
            None if all.len() == MAX_ORIGINS => return None,
            None => {
                all.push(Kept { origin: Arc::clone(&self.origin), offset_secs: 0, refusals: FIRST_REFUSALS });
                all.len() - 1
            }
        };
        let kept = all.get_mut(at)?;
        (kept.offset_secs == used).then(|| change(kept))
    }
}
