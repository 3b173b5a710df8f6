//! Time: the clock of a layer, the text of a date, and what to believe of a server's clock.

use std::{
    fmt, str,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue, header::DATE};

use crate::{
    headers::only,
    origin::{Origin, OriginRef},
    trace,
};

/// The last second of the year 9999, the last that an HTTP date can name, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// Where a layer takes the time from: the system, unless told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Clock {
    source: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
}

impl Clock {
    pub(crate) fn new(source: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)) }
    }

    /// Whole seconds since 1970; `None` before it, and after the year 9999.
    pub(crate) fn now(&self) -> Option<u64> {
        let now = self.source.as_ref().map_or_else(SystemTime::now, |source| source());
        let since = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (since <= LAST_SECOND).then_some(since)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.source.is_some() { "Clock(given)" } else { "Clock(system)" })
    }
}

/// The IMF-fixdate of `second`, such as `Thu, 17 Aug 2017 20:16:24 GMT`.
pub(crate) fn format_date(second: u64) -> Option<HeaderValue> {
    // httpdate panics past the year 9999.
    (second <= LAST_SECOND)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second)))
        .and_then(|date| HeaderValue::try_from(date).ok())
}

/// The second that an IMF-fixdate names. Other forms, a wrong day of the week and the like are `None`.
pub(crate) fn parse_date(date: &str) -> Option<u64> {
    let second = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // httpdate reads two older forms too: only what it writes itself counts.
    (format_date(second)? == date).then_some(second)
}

/// The one Date header that is there, read.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<u64> {
    parse_date(only(headers, &DATE).ok()??.to_str().ok()?)
}

/// The time as one origin sees it: how far its clock is from ours, and the date of the current second.
#[derive(Debug)]
pub(crate) struct OriginClock {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Seconds by which the origin is ahead of the layer's clock.
    offset: i64,
    /// When the offset was last changed, by the layer's clock.
    changed: Option<u64>,
    /// The date that was last sent, for its second.
    date: Option<(u64, HeaderValue)>,
}

/// A difference up to here, in seconds, is not worth a correction: the network and whole seconds make some of it, and
/// servers take several minutes.
const TOLERATED: u64 = 30;
/// A difference beyond this, in seconds, is not believed: clocks go wrong by time zones, hardly by days.
const BELIEVED: u64 = 24 * 60 * 60;

impl OriginClock {
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The date to send at `now`, and the offset that is in it.
    pub(crate) fn date(&self, now: u64, corrected: bool) -> Option<(HeaderValue, i64)> {
        let mut state = self.state();
        let offset = if corrected { state.offset } else { 0 };
        let second = now.checked_add_signed(offset)?;
        let date = match &state.date {
            Some((formatted, date)) if *formatted == second => date.clone(),
            _ => state.date.insert((second, format_date(second)?)).1.clone(),
        };
        Some((date, offset))
    }

    /// Takes over the clock of a server that refused a request dated with the offset `used`, where that can be why.
    /// Returns the offset now in force where it differs from `used`: another try is worth it.
    pub(crate) fn correct(&self, now: u64, server: u64, used: i64) -> Option<i64> {
        let (offset, is_new) = self.adopt(now, server)?;
        if is_new {
            trace::clock_corrected(&self.origin, offset);
        }
        (offset != used).then_some(offset)
    }

    /// The offset now in force, and whether it was just changed; `None` where the server's clock is not believed.
    fn adopt(&self, now: u64, server: u64) -> Option<(i64, bool)> {
        let mut state = self.state();
        let is_off = now.checked_add_signed(state.offset)?.abs_diff(server) > TOLERATED;
        if is_off {
            if state.changed == Some(now) || now.abs_diff(server) > BELIEVED {
                return None;
            }
            state.offset = i64::try_from(server).ok()? - i64::try_from(now).ok()?;
            state.changed = Some(now);
        }
        Some((state.offset, is_off))
    }
}

/// The most origins whose clocks are kept: more than anyone sends to, but for a program that lets its users name regions.
const KNOWN: usize = 64;

/// The clocks of all origins that signed requests went to, shared by every clone of a layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct OriginClocks {
    known: Arc<Mutex<Vec<Arc<OriginClock>>>>,
}

impl OriginClocks {
    pub(crate) fn of(&self, origin: OriginRef<'_>) -> Arc<OriginClock> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|clock| clock.origin.as_ref() == origin) {
            Some(clock) => Arc::clone(clock),
            None => {
                let clock = Arc::new(OriginClock { origin: origin.to_origin(), state: Mutex::default() });
                if known.len() < KNOWN {
                    known.push(Arc::clone(&clock));
                }
                clock
            }
        }
    }

    /// The offset in force for `origin`, in seconds.
    pub(crate) fn offset(&self, origin: &Origin) -> i64 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|clock| clock.origin == *origin).map_or(0, |clock| clock.state().offset)
    }
}

/// In the extensions of a response: the request was refused, and the server's clock was found to be the likely reason.
/// The difference is taken over for later requests to that origin, so that the same request sent again should pass.
///
/// That happens when a trusted origin answers a signed request with 401 or 403 and one Date header that differs from the
/// corrected time by more than 30 seconds, and by no more than 24 hours from the layer's clock; at most once a second an
/// origin, for the first 64 origins; not for an answer with an `Age` header, which is a cache's; and not where
/// [`clock_correction`](crate::LogentriesAuthLayer::clock_correction) is off.
///
/// A retry policy that tries once more:
///
/// ```
/// use std::future::{Ready, ready};
///
/// use http::{Request, Response};
/// use tower::retry::Policy;
/// use tower_logentries_auth::ClockCorrected;
///
/// #[derive(Clone)]
/// struct RetryCorrected {
///     tries_left: usize,
/// }
///
/// impl<B: Clone, T, E> Policy<Request<B>, Response<T>, E> for RetryCorrected {
///     type Future = Ready<()>;
///
///     fn retry(&mut self, _: &mut Request<B>, result: &mut Result<Response<T>, E>) -> Option<Ready<()>> {
///         let is_corrected = result.as_ref().is_ok_and(|r| r.extensions().get::<ClockCorrected>().is_some());
///         self.tries_left = self.tries_left.checked_sub(1).filter(|_| is_corrected)?;
///         Some(ready(()))
///     }
///
///     fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
///         Some(request.clone())
///     }
/// }
///
/// let layer = tower::retry::RetryLayer::new(RetryCorrected { tries_left: 1 }); // outside of LogentriesAuthLayer
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockCorrected {
    offset: i64,
}

impl ClockCorrected {
    pub(crate) fn new(offset: i64) -> Self {
        Self { offset }
    }

    /// By how many seconds the origin's clock is ahead of the layer's.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}
