//! Clock skew: how far each origin's clock is from ours, learned from its rejections.
//!
//! `origins` holds the clock of each origin, and `correction` decides whether to adopt it.

mod correction;
mod origins;
#[cfg(test)]
mod simulation;

use std::sync::Arc;

use http::{StatusCode, header::AGE};

use self::correction::Offset;
pub(super) use self::origins::{Dated, OriginClock, OriginClocks};
use super::HttpResponse;
use crate::clock;

/// Inspects the response to one signed request for a rejection that clock skew explains.
#[derive(Debug)]
pub(crate) struct SkewCheck {
    pub(super) origin: Arc<OriginClock>,
    /// When the request was signed, by the layer's clock.
    pub(super) signed_at: u64,
    /// The offset that is in its date.
    pub(super) used: i64,
}

impl SkewCheck {
    pub(crate) fn inspect<T: HttpResponse>(self, response: &mut T) {
        match response.status() {
            status if status.is_success() => self.origin.passed(self.used),
            // The service answers a wrong signature with 404 on some resources.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                self.inspect_rejection(response)
            }
            _ => {}
        }
    }

    fn inspect_rejection<T: HttpResponse>(self, response: &mut T) {
        // A response with an Age comes from a cache, and its Date is old.
        if response.headers().contains_key(AGE) || !response.is_from(&self.origin.origin) {
            return;
        }
        if let (Some(now), Some(server)) = (self.origin.now(), clock::date_of(response.headers())) {
            let measured = Offset::measured(server, self.signed_at, now);
            if let Some(offset_secs) = self.origin.rejected(now, self.used, measured) {
                response.extensions_mut().insert(ClockSkewCorrected { offset_secs });
            }
        }
    }
}

/// Response extension set when a rejected request was probably caused by clock skew.
///
/// The new offset applies to later requests to the same origin, so retrying should succeed.
///
/// It is set when a trusted origin answers a signed request with 401, 403 or 404 and exactly one Date header, which is
/// more than 30 seconds before the time at which the request was signed or after the time at which the response is
/// polled, and at most 24 hours from the layer's clock. Responses with an `Age` header come from a cache and are
/// ignored. At most 64 origins are corrected.
///
/// Several servers behind one origin may disagree about the time. A correction that a response contradicts is therefore
/// dropped, and it takes more rejections in a row to adopt the next: first three if a request had passed before, and
/// twice as many after each correction that was dropped. If the layer's clock jumps by more than 30 seconds against
/// [`Instant`](std::time::Instant), because it was set or the machine was suspended, all offsets are dropped.
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
