//! Clock skew: how far each origin's clock is from the layer's, and what the response to a signed request says about it.

use std::sync::{Arc, PoisonError, RwLock};

use http::header::AGE;
use http::{HeaderValue, StatusCode};

use super::HttpResponse;
use super::origin::Origin;
use crate::clock::Clock;
use crate::scheme::{date_of, format_date};
use crate::trace;

/// The most origins whose clocks are kept. A program needs more only if its users can name regions.
const MAX_ORIGINS: usize = 64;
/// A difference of up to this many seconds is not corrected: servers tolerate several minutes.
const MIN_SKEW: u64 = 30;
/// The greatest difference that is adopted, in seconds. A wrong time zone is within it, a clock that is days off is not.
const MAX_SKEW: u64 = 24 * 60 * 60;
/// How many refusals in a row change an offset.
const REFUSALS: u8 = 3;
/// Where the count of refusals starts, so that the first request of a wrong clock is corrected at once.
const FIRST_REFUSALS: u8 = 2;

/// The clocks of all origins, shared by every clone of a layer.
pub(super) struct OriginClocks {
    pub(super) ours: Clock,
    kept: RwLock<Vec<Kept>>,
}

/// What is known of one origin's clock.
struct Kept {
    origin: Arc<Origin<'static>>,
    offset_secs: i64,
    /// How many requests were refused for their date since one was accepted.
    refusals: u8,
}

impl OriginClocks {
    /// Creates the clocks of no origin yet. Each will be measured against `ours`.
    pub(super) fn new(ours: Clock) -> Arc<Self> {
        Arc::new(Self { ours, kept: RwLock::default() })
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

    /// Returns the date to send with this offset, and the second by the layer's clock, unless either is out of range.
    pub(super) fn date(&self, offset_secs: i64) -> Option<(HeaderValue, u64)> {
        let second = self.ours.now()?;
        Some((format_date(second.checked_add_signed(offset_secs)?)?, second))
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
        let is_explained = measured.abs_diff(used) > MIN_SKEW && measured.unsigned_abs() <= MAX_SKEW;
        let count = |kept: &mut Kept| {
            kept.refusals += 1;
            if kept.refusals == REFUSALS {
                (kept.offset_secs, kept.refusals) = (measured, FIRST_REFUSALS);
            }
            kept.offset_secs == measured
        };
        if is_explained && self.change(origin, used, count) == Some(true) {
            trace::clock_skew_corrected(&**origin, measured);
        }
        // Another one may have been adopted while this request was in flight, or while this refusal was about to count.
        let in_use = self.offset_secs(origin);
        (in_use != used && measured.abs_diff(in_use) <= MIN_SKEW).then_some(in_use)
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

/// Inspects the response to one signed request for a refusal that clock skew explains.
pub(super) struct SkewCheck {
    pub(super) clocks: Arc<OriginClocks>,
    pub(super) origin: Arc<Origin<'static>>,
    /// When the request was signed, by the layer's clock.
    pub(super) signed_at: u64,
    /// The offset that is in its date.
    pub(super) used: i64,
}

impl SkewCheck {
    pub(super) fn inspect<T: HttpResponse>(self, response: &mut T) {
        match response.status() {
            status if status.is_success() || status.is_redirection() => self.clocks.accepted(&self.origin, self.used),
            // The service answers a wrong signature with 404 on some resources.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                if let Some(measured) = self.measure(response)
                    && let Some(offset_secs) = self.clocks.refused(&self.origin, self.used, measured)
                {
                    response.extensions_mut().insert(ClockSkewCorrected { offset_secs });
                }
            }
            _ => {}
        }
    }

    /// Returns how many seconds the server's clock is ahead of the layer's, if the response tells.
    fn measure<T: HttpResponse>(&self, response: &T) -> Option<i64> {
        let now = self.clocks.ours.now()?;
        // A response with an Age comes from a cache. One that was polled late may have been dated long before.
        if response.headers().contains_key(AGE)
            || now.abs_diff(self.signed_at) > MIN_SKEW
            || !response.is_from(&self.origin)
        {
            return None;
        }
        Some(date_of(response.headers())?.cast_signed() - now.cast_signed())
    }
}

/// Response extension set when a rejected request was probably caused by clock skew.
///
/// The new offset applies to later requests to the same origin, so retrying should succeed.
///
/// A refusal counts if all of these hold:
///
/// - Its status is 401, 403 or 404.
/// - It comes from the origin that the request was sent to.
/// - It has no `Age`, because a response from a cache has an old date.
/// - It has exactly one `Date`, which is more than 30 seconds from the clock that dated the request, and at most 24
///   hours from the layer's own.
/// - It is polled within 30 seconds after the request was signed.
///
/// The first one corrects an origin's clock. Once a request was answered with 2xx or 3xx, three in a row are needed, so
/// that one server with a wrong clock behind a load balancer changes nothing. Other requests that were in flight meanwhile
/// get the extension too if the new offset explains their refusal. At most 64 origins are kept.
///
/// [`correct_clock_skew(false)`](super::LogentriesAuthLayer::correct_clock_skew) turns the correction off.
///
/// A retry policy that tries once more:
///
/// ```
/// use std::future::{Ready, ready};
///
/// use http::{Request, Response};
/// use tower::retry::Policy;
/// use tower_logentries_auth::client::ClockSkewCorrected;
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
    /// Returns how many seconds the origin's clock is ahead of the layer's.
    pub fn offset_secs(&self) -> i64 {
        self.offset_secs
    }
}
