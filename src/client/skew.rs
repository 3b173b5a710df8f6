//! Clock skew: what the response to a signed request says about the origin's clock.

use http::StatusCode;
use http::header::AGE;

use super::HttpResponse;
use super::clocks::{MIN_SKEW, OriginClock};
use crate::scheme::date_of;

/// Inspects the response to one signed request for a refusal that clock skew explains.
pub(super) struct SkewCheck {
    pub(super) clock: OriginClock,
    /// When the request was signed, by the layer's clock.
    pub(super) signed_at: u64,
    /// The offset that is in its date.
    pub(super) used: i64,
}

impl SkewCheck {
    pub(super) fn inspect<T: HttpResponse>(self, response: &mut T) {
        match response.status() {
            status if status.is_success() || status.is_redirection() => self.clock.accepted(self.used),
            // The service answers a wrong signature with 404 on some resources.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                if let Some(measured) = self.measure(response)
                    && let Some(offset_secs) = self.clock.refused(self.used, measured)
                {
                    response.extensions_mut().insert(ClockSkewCorrected { offset_secs });
                }
            }
            _ => {}
        }
    }

    /// Returns by how many seconds the server's clock is ahead of the layer's, if the response tells.
    fn measure<T: HttpResponse>(&self, response: &T) -> Option<i64> {
        let now = self.clock.now()?;
        // A response with an Age comes from a cache. One that was polled late may have been dated long before.
        if response.headers().contains_key(AGE)
            || now.abs_diff(self.signed_at) > MIN_SKEW
            || !response.is_from(self.clock.origin())
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
/// A refusal counts if it has status 401, 403 or 404, comes from the origin that the request was sent to, has no `Age` (a
/// cache's answer has an old date) and exactly one `Date`, which is more than 30 seconds and at most 24 hours from the
/// layer's clock, and is polled within 30 seconds after the request was signed.
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
    /// Returns by how many seconds the origin's clock is ahead of the layer's.
    pub fn offset_secs(&self) -> i64 {
        self.offset_secs
    }
}
