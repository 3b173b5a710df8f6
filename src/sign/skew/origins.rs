//! The clocks of the origins that signed requests went to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
};

use http::HeaderValue;

use super::correction::{Change, Correction, Offset};
use crate::{
    clock::{Clock, format_date},
    origin::{Origin, OriginRef},
    trace,
};

/// How many origins' clocks are kept: more than any program needs, unless it lets its users name regions.
const MAX_ORIGINS: usize = 64;

/// The clocks of all origins, shared by every clone of a layer.
#[derive(Debug, Clone, Default)]
pub(in crate::sign) struct OriginClocks {
    ours: Clock,
    known: Arc<RwLock<Vec<Arc<OriginClock>>>>,
}

impl OriginClocks {
    /// Creates the clocks of no origin yet. Each will be measured against `ours`.
    pub(in crate::sign) fn new(ours: Clock) -> Self {
        Self { ours, known: Arc::default() }
    }

    #[inline]
    pub(in crate::sign) fn of(&self, origin: OriginRef<'_>) -> Arc<OriginClock> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(clock) = known.iter().find(|clock| clock.origin.is(origin)) {
            return Arc::clone(clock);
        }
        drop(known);
        self.add(origin)
    }

    fn add(&self, origin: OriginRef<'_>) -> Arc<OriginClock> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have added it by now.
        if let Some(clock) = known.iter().find(|clock| clock.origin.is(origin)) {
            return Arc::clone(clock);
        }
        let clock = Arc::new(OriginClock::new(origin.to_origin(), self.ours.clone()));
        if known.len() < MAX_ORIGINS {
            known.push(Arc::clone(&clock));
        } else if let Some(place) = known.iter_mut().find(|known| known.give_up_place()) {
            *place = Arc::clone(&clock);
        } else {
            clock.state().is_forgotten = true;
        }
        clock
    }

    /// Returns the offset in force for `origin`, in seconds.
    pub(in crate::sign) fn offset_secs(&self, origin: &Origin) -> i64 {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|clock| clock.origin == *origin).map_or(0, |clock| clock.state().correction.offset_secs())
    }
}

/// The clock of one origin: its offset from ours, and the date of the current second.
#[derive(Debug)]
pub(in crate::sign) struct OriginClock {
    pub(super) origin: Origin,
    ours: Clock,
    /// The offset in force, and whether a request has passed with it since the last rejection. Outside the lock,
    /// because most requests pass.
    offset_secs: AtomicI64,
    has_passed: AtomicBool,
    state: Mutex<State>,
    last: RwLock<Option<Dated>>,
}

#[derive(Debug, Default)]
struct State {
    correction: Correction,
    /// Whether no later request gets to see this clock.
    is_forgotten: bool,
}

/// What a request is dated with. Most requests of one second have the same.
#[derive(Debug, Clone)]
pub(in crate::sign) struct Dated {
    pub(in crate::sign) date: HeaderValue,
    /// The second by the layer's clock, and the offset that is in the date.
    pub(in crate::sign) second: u64,
    pub(in crate::sign) offset_secs: i64,
}

impl OriginClock {
    fn new(origin: Origin, ours: Clock) -> Self {
        let (offset_secs, has_passed, state, last) = Default::default();
        Self { origin, ours, offset_secs, has_passed, state, last }
    }

    /// Returns the second in which the layer's clock is.
    pub(super) fn now(&self) -> Option<u64> {
        self.ours.now()
    }

    pub(in crate::sign) fn origin(&self) -> OriginRef<'_> {
        self.origin.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for another origin, unless this one was corrected: made-up regions must not use up all the room.
    fn give_up_place(&self) -> bool {
        let mut state = self.state();
        state.is_forgotten = !state.correction.was_ever_adopted();
        state.is_forgotten
    }

    /// Returns the date to send, unless the clock is out of range.
    #[inline]
    pub(in crate::sign) fn date(&self, corrects_skew: bool) -> Option<Dated> {
        let second = self.now()?;
        let offset_secs = if corrects_skew { self.offset_secs.load(Relaxed) } else { 0 };
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(dated) = last.as_ref().filter(|last| last.second == second && last.offset_secs == offset_secs) {
            return Some(dated.clone());
        }
        drop(last);
        self.date_anew(second, corrects_skew)
    }

    fn date_anew(&self, second: u64, corrects_skew: bool) -> Option<Dated> {
        let offset_secs = if corrects_skew { self.offset_at(second) } else { 0 };
        let date = format_date(second.checked_add_signed(offset_secs)?)?;
        let dated = Dated { date, second, offset_secs };
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(dated.clone());
        Some(dated)
    }

    /// Returns the offset in force, unless the layer's clock has jumped.
    fn offset_at(&self, second: u64) -> i64 {
        let mut state = self.state();
        let jump = self.notice_jump(&mut state, second);
        let offset_secs = state.correction.offset_secs();
        drop(state);
        self.report(jump);
        offset_secs
    }

    /// Records that a request dated with the offset `used` was accepted.
    #[inline]
    pub(super) fn passed(&self, used: i64) {
        if self.offset_secs.load(Relaxed) != used {
            let mut state = self.state();
            let change = state.correction.passed(used);
            self.offset_secs.store(state.correction.offset_secs(), Relaxed);
            drop(state);
            self.report(change);
        } else if !self.has_passed.load(Relaxed) {
            self.has_passed.store(true, Relaxed);
        }
    }

    /// Learns from the rejection of a request dated with the offset `used`. Returns the offset now in force if it
    /// explains the rejection, so that another attempt is worthwhile.
    pub(super) fn rejected(&self, now: u64, used: i64, measured: Offset) -> Option<i64> {
        let mut state = self.state();
        // A correction that no later request profits from must not be reported: a retry would repeat it for ever.
        if state.is_forgotten {
            return None;
        }
        let jump = self.notice_jump(&mut state, now);
        let has_passed = self.has_passed.swap(false, Relaxed);
        let correction = &mut state.correction;
        let change = correction.rejected(used, measured, has_passed);
        let offset_secs = correction.offset_secs();
        let is_worthwhile = correction.is_better_than(used, measured);
        self.offset_secs.store(offset_secs, Relaxed);
        drop(state);
        self.report(jump);
        self.report(change);
        is_worthwhile.then_some(offset_secs)
    }

    /// Drops the offset if the layer's clock jumped, and with it the evidence that was gathered by that clock.
    fn notice_jump(&self, state: &mut State, now: u64) -> Change {
        if !state.correction.has_jumped_at(now, || self.ours.instant()) {
            return Change::Nothing;
        }
        self.has_passed.store(false, Relaxed);
        self.offset_secs.store(0, Relaxed);
        state.correction.jumped()
    }

    fn report(&self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Adopted(offset_secs) => trace::clock_skew_corrected(&self.origin, offset_secs),
            Change::Dropped(reason) => trace::clock_correction_dropped(&self.origin, reason),
        }
    }
}
