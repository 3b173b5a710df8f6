//! The offset of one origin's clock, and the evidence that it takes to change it.
//!
//! The first rejection that clock skew explains is acted on at once, so that a retry succeeds. Behind a load balancer
//! the next request may reach a server with another clock, and fail although it would have passed uncorrected. So a
//! correction that is contradicted is dropped, and each time it takes twice as many rejections in a row to adopt the
//! next: over `n` requests, one after the other, corrections cost no more than log2(n + 1) of them.

use std::time::Instant;

/// A difference of up to this many seconds is not corrected: the network and whole seconds account for some of it, and
/// servers tolerate several minutes.
const MIN_SKEW: u64 = 30;
/// A difference of more than this many seconds is not adopted: clocks are wrong by time zones, rarely by days.
const MAX_SKEW: u64 = 24 * 60 * 60;
/// How many rejections in a row it takes after a request has passed: the clocks were right then, so one server may
/// differ from the others.
const REJECTIONS_AFTER_SUCCESS: u32 = 3;

/// By how many seconds an origin's clock is ahead of the layer's, give or take a margin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offset {
    pub(super) secs: i64,
    margin: u64,
}

impl Offset {
    fn exact(secs: i64) -> Self {
        Self { secs, margin: 0 }
    }

    /// Measures the clock of a server that sent `server` as its date at some time from `signed_at` to `now`: the answer
    /// may have been waiting for a long time until it was polled.
    pub(super) fn measured(server: u64, signed_at: u64, now: u64) -> Self {
        let secs = server.cast_signed() - signed_at.midpoint(now).cast_signed();
        Self { secs, margin: signed_at.abs_diff(now).div_ceil(2) }
    }

    fn agrees_with(self, other: Self) -> bool {
        self.secs.abs_diff(other.secs) <= MIN_SKEW + self.margin + other.margin
    }
}

/// The layer's clock and a monotonic one, read together.
#[derive(Debug, Clone, Copy)]
struct Reading {
    second: u64,
    instant: Instant,
}

impl Reading {
    /// Returns whether the layer's clock was set, or the machine suspended, between `self` and a later reading.
    fn is_jump_to(self, later: Self) -> bool {
        let elapsed = later.instant.saturating_duration_since(self.instant).as_secs();
        (self.second + elapsed).abs_diff(later.second) > MIN_SKEW
    }
}

/// What happened to the offset.
#[derive(Debug)]
#[must_use]
pub(super) enum Change {
    Nothing,
    Adopted(i64),
    Dropped(&'static str),
}

/// The offset of one origin, and the evidence for and against it.
#[derive(Debug, Default)]
pub(super) struct Correction {
    offset: Offset,
    /// When the layer's clock was last read.
    reading: Option<Reading>,
    /// Whether a request has passed since the offset last changed.
    has_passed: bool,
    /// What the last rejections in a row had in common, and how many there were.
    candidate: Offset,
    rejections: u32,
    /// How many corrections were dropped.
    contradictions: u32,
}

impl Correction {
    pub(super) fn offset_secs(&self) -> i64 {
        self.offset.secs
    }

    pub(super) fn was_ever_adopted(&self) -> bool {
        self.is_in_force() || self.contradictions > 0
    }

    fn is_in_force(&self) -> bool {
        self.offset.secs != 0
    }

    /// Reads the clocks, once a second at most, and returns whether the layer's has jumped since the last time.
    pub(super) fn has_jumped_at(&mut self, second: u64, instant: impl FnOnce() -> Option<Instant>) -> bool {
        if self.reading.is_some_and(|last| last.second == second) {
            return false;
        }
        let Some(instant) = instant() else { return false };
        let reading = Reading { second, instant };
        self.reading.replace(reading).is_some_and(|last| last.is_jump_to(reading))
    }

    /// Drops what was measured against another clock.
    pub(super) fn jumped(&mut self) -> Change {
        let was_in_force = self.is_in_force();
        self.change_to(Offset::default());
        if was_in_force { Change::Dropped("the local clock jumped") } else { Change::Nothing }
    }

    /// Records that a request dated with the offset `used` was accepted, perhaps while another offset was adopted.
    pub(super) fn passed(&mut self, used: i64) -> Change {
        let is_contradicted = self.is_in_force() && !self.offset.agrees_with(Offset::exact(used));
        let change = if is_contradicted { self.give_up() } else { Change::Nothing };
        if self.offset.secs == used {
            self.has_passed = true;
            self.rejections = 0;
        }
        change
    }

    /// Weighs a rejection of a request dated with the offset `used`, by a server whose clock was measured. `has_passed`
    /// says whether others were accepted since the last one.
    pub(super) fn rejected(&mut self, used: i64, measured: Offset, has_passed: bool) -> Change {
        self.has_passed |= has_passed;
        if has_passed || Offset::exact(used).agrees_with(measured) {
            // There is a server for which the clock is right.
            self.rejections = 0;
        }
        match (self.is_in_force(), self.offset.agrees_with(measured)) {
            (true, false) => self.give_up(),
            (true, true) if self.is_refined_by(used, measured) => self.adopt(measured),
            (false, false) if !Offset::exact(used).agrees_with(measured) => self.consider(measured),
            _ => Change::Nothing,
        }
    }

    /// Returns whether trying again is worthwhile for a request that was rejected with the offset `used`.
    pub(super) fn is_better_than(&self, used: i64, measured: Offset) -> bool {
        self.offset.secs != used && self.offset.agrees_with(measured) && !Offset::exact(used).agrees_with(measured)
    }

    /// Returns whether an offset that came from a late answer turned out to be off within its margin.
    fn is_refined_by(&self, used: i64, measured: Offset) -> bool {
        used == self.offset.secs && !Offset::exact(used).agrees_with(measured) && measured.margin < self.offset.margin
    }

    fn consider(&mut self, measured: Offset) -> Change {
        if measured.secs.unsigned_abs() > MAX_SKEW {
            return Change::Nothing;
        }
        self.rejections = if self.candidate.agrees_with(measured) { self.rejections.saturating_add(1) } else { 1 };
        self.candidate = measured;
        if self.rejections < self.rejections_needed() { Change::Nothing } else { self.adopt(measured) }
    }

    fn rejections_needed(&self) -> u32 {
        let first = if self.has_passed { REJECTIONS_AFTER_SUCCESS } else { 1 };
        first.saturating_mul(2_u32.saturating_pow(self.contradictions))
    }

    fn adopt(&mut self, measured: Offset) -> Change {
        self.change_to(measured);
        Change::Adopted(measured.secs)
    }

    fn give_up(&mut self) -> Change {
        self.contradictions = self.contradictions.saturating_add(1);
        self.change_to(Offset::default());
        Change::Dropped("servers of the origin disagree about the time")
    }

    fn change_to(&mut self, offset: Offset) {
        self.offset = offset;
        self.has_passed = false;
        self.rejections = 0;
    }
}
