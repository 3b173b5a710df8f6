//! Clock skew: how far each origin's clock is from ours, learned from its rejections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderValue, StatusCode, header::AGE};

use super::HttpResponse;
use crate::{
    clock::{self, Clock, format_date},
    origin::{Origin, OriginRef},
    trace,
};

/// A difference of up to this many seconds is not corrected: the network and whole seconds account for some of it, and
/// servers tolerate several minutes.
const MIN_SKEW: u64 = 30;
/// A difference of more than this many seconds is not adopted: clocks are wrong by time zones, rarely by days.
const MAX_SKEW: u64 = 24 * 60 * 60;
/// How many origins' clocks are kept: more than any program signs for, unless it lets its users name regions.
const MAX_ORIGINS: usize = 64;

/// The clocks of the origins that signed requests went to, shared by every clone of a layer.
#[derive(Debug, Clone, Default)]
pub(super) struct OriginClocks {
    known: Arc<Mutex<Vec<Arc<OriginClock>>>>,
}

impl OriginClocks {
    pub(super) fn of(&self, origin: OriginRef<'_>) -> Arc<OriginClock> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clock) = known.iter().find(|clock| clock.origin.as_ref() == origin) {
            return Arc::clone(clock);
        }
        let clock = Arc::new(OriginClock { origin: origin.to_origin(), state: Mutex::default() });
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
    pub(super) fn offset_secs(&self, origin: &Origin) -> i64 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|clock| clock.origin == *origin).map_or(0, |clock| clock.state().offset_secs)
    }
}

/// The clock of one origin: its offset from ours, and the date of the current second.
#[derive(Debug)]
pub(super) struct OriginClock {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Seconds by which the origin's clock is ahead of the layer's.
    offset_secs: i64,
    /// When the offset last changed, by the layer's clock.
    changed_at: Option<u64>,
    /// Whether no later request gets to see this clock.
    is_forgotten: bool,
    /// The second that was last formatted, and its date.
    date: Option<(u64, HeaderValue)>,
}

impl OriginClock {
    pub(super) fn origin(&self) -> OriginRef<'_> {
        self.origin.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up its place to another origin, unless it was corrected: made-up regions must not use up all places.
    fn give_up_place(&self) -> bool {
        let mut state = self.state();
        state.is_forgotten = state.changed_at.is_none();
        state.is_forgotten
    }

    /// Returns the date to send at `now`, and the offset that is in it.
    pub(super) fn date(&self, now: u64, corrects_skew: bool) -> Option<(HeaderValue, i64)> {
        let mut state = self.state();
        let offset_secs = if corrects_skew { state.offset_secs } else { 0 };
        let second = now.checked_add_signed(offset_secs)?;
        let date = match &state.date {
            Some((formatted, date)) if *formatted == second => date.clone(),
            _ => state.date.insert((second, format_date(second)?)).1.clone(),
        };
        Some((date, offset_secs))
    }

    /// Adopts the clock of a server that rejected a request dated with the offset `used`, if that can be the reason.
    /// Returns the offset now in force if it differs from `used`, so that another attempt is worthwhile.
    fn correct(&self, now: u64, server: u64, used: i64) -> Option<i64> {
        let (offset_secs, is_new) = self.adopt(now, server)?;
        if is_new {
            trace::clock_skew_corrected(&self.origin, offset_secs);
        }
        (offset_secs != used).then_some(offset_secs)
    }

    /// Returns the offset now in force, and whether it just changed; `None` if the server's clock is not plausible.
    fn adopt(&self, now: u64, server: u64) -> Option<(i64, bool)> {
        let mut state = self.state();
        // A correction that no later request profits from must not be reported: a retry would repeat it for ever.
        if state.is_forgotten {
            return None;
        }
        let is_off = now.checked_add_signed(state.offset_secs)?.abs_diff(server) > MIN_SKEW;
        if is_off {
            if state.changed_at == Some(now) || now.abs_diff(server) > MAX_SKEW {
                return None;
            }
            state.offset_secs = i64::try_from(server).ok()? - i64::try_from(now).ok()?;
            state.changed_at = Some(now);
        }
        Some((state.offset_secs, is_off))
    }
}

/// Inspects the response to one signed request for a rejection that clock skew explains.
#[derive(Debug)]
pub(crate) struct SkewCheck {
    pub(super) clock: Clock,
    pub(super) origin: Arc<OriginClock>,
    pub(super) used: i64,
}

impl SkewCheck {
    pub(crate) fn inspect<T: HttpResponse>(self, response: &mut T) {
        let is_rejected = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // A response with an Age comes from a cache, and its Date is old.
        if !is_rejected || response.headers().contains_key(AGE) || !response.is_from(&self.origin.origin) {
            return;
        }
        if let (Some(now), Some(server)) = (self.clock.now(), clock::date_of(response.headers()))
            && let Some(offset_secs) = self.origin.correct(now, server, self.used)
        {
            response.extensions_mut().insert(ClockSkewCorrected { offset_secs });
        }
    }
}

/// Response extension set when a rejected request was probably caused by clock skew.
///
/// The new offset applies to later requests to the same origin, so retrying should succeed.
///
/// It is set when a trusted origin answers a signed request with 401 or 403 and exactly one Date header, which differs
/// from the corrected time by more than 30 seconds and from the layer's clock by at most 24 hours. An origin is corrected
/// at most once a second, and at most 64 origins are. Responses with an `Age` header come from a cache and are ignored.
/// [`correct_clock_skew(false)`](super::LogentriesAuthLayer::correct_clock_skew) turns the correction off.
///
/// A retry policy that tries once more:
///
/// ```
/// use std::future::{Ready, ready};
///
/// use http::{Request, Response};
/// use tower::retry::Policy;
/// use tower_logentries_auth::sign::ClockSkewCorrected;
///
/// #[derive(Clone)]
/// struct RetryCorrected {
///     attempts_left: usize,
/// }
///
/// impl<B: Clone, T, E> Policy<Request<B>, Response<T>, E> for RetryCorrected {
///     type Future = Ready<()>;
///
///     fn retry(&mut self, _: &mut Request<B>, result: &mut Result<Response<T>, E>) -> Option<Ready<()>> {
///         let is_corrected = result.as_ref().is_ok_and(|r| r.extensions().get::<ClockSkewCorrected>().is_some());
///         self.attempts_left = self.attempts_left.checked_sub(1).filter(|_| is_corrected)?;
///         Some(ready(()))
///     }
///
///     fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
///         Some(request.clone())
///     }
/// }
///
/// let layer = tower::retry::RetryLayer::new(RetryCorrected { attempts_left: 1 }); // outside LogentriesAuthLayer
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkewCorrected {
    offset_secs: i64,
}

impl ClockSkewCorrected {
    /// Returns by how many seconds the origin's clock is ahead of the layer's.
    pub fn offset_secs(&self) -> i64 {
        self.offset_secs
    }
}
