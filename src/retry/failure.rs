//! Failures of an attempt after which another may succeed. The table is in the docs of the policy.

use std::time::Duration;

use http::{Method, StatusCode};

use super::delay::retry_after;
use super::error::failure_of;
use crate::client::{ClockSkewCorrected, HttpResponse};
use crate::retry::AttemptError;
use crate::scheme::is_idempotent;

/// A failure that is worth another attempt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    /// The clock was wrong, and was corrected.
    ClockSkew { status: StatusCode },
    /// The response has one of the policy's statuses.
    Status { status: StatusCode, retry_after: Option<Duration> },
    /// The server did not process the request.
    Unprocessed,
    /// The connection failed, or the time was up: the server may have processed the request.
    Interrupted,
}

impl Failure {
    /// Returns the failure of an attempt, or `None` if its result is final.
    pub(super) fn of<Res: HttpResponse, E: AttemptError>(
        result: &mut Result<Res, E>,
        method: &Method,
        statuses: &[StatusCode],
    ) -> Option<Self> {
        let failure = match result {
            Ok(response) => Self::of_response(response, statuses),
            Err(error) => failure_of(error.as_error()),
        };
        failure.filter(|failure| failure.left_no_effect() || is_idempotent(method))
    }

    fn of_response(response: &mut impl HttpResponse, statuses: &[StatusCode]) -> Option<Self> {
        let status = response.status();
        if response.extensions_mut().get::<ClockSkewCorrected>().is_some() {
            return Some(Self::ClockSkew { status });
        }
        statuses.contains(&status).then(|| Self::Status { status, retry_after: retry_after(response.headers()) })
    }

    /// Returns whether the server said that it did not process the request. A 403 or 404 may come from the service
    /// itself, after it did.
    fn left_no_effect(self) -> bool {
        match self {
            Self::ClockSkew { status } => status == StatusCode::UNAUTHORIZED,
            Self::Status { status, .. } => status == StatusCode::TOO_MANY_REQUESTS,
            Self::Unprocessed => true,
            Self::Interrupted => false,
        }
    }

    pub(super) fn retry_after(self) -> Duration {
        match self {
            Self::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            Self::ClockSkew { .. } | Self::Unprocessed | Self::Interrupted => Duration::ZERO,
        }
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::ClockSkew { .. } => "clock skew corrected",
            Self::Status { status, .. } => status.canonical_reason().unwrap_or("status"),
            Self::Unprocessed => "request not processed",
            Self::Interrupted => "connection failed",
        }
    }
}
