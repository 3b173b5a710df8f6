//! The retry policy: which requests are sent again, when, and how often.
//!
//! `failure` decides what is worth another attempt, `delay` waits for it, and `middleware` applies the policy in
//! reqwest-middleware.

mod delay;
mod failure;
#[cfg(feature = "reqwest-middleware")]
mod middleware;

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use tokio::time::Instant;
use tower::{
    retry::{
        Policy,
        backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
    util::rng::{HasherRng, Rng},
};

use self::failure::Failure;
#[cfg(feature = "reqwest-middleware")]
pub use self::middleware::LogentriesRetryMiddleware;
pub use self::{delay::RetryDelay, failure::AttemptError};
use super::HttpResponse;
#[cfg(feature = "reqwest")]
use super::request::sealed;
use crate::{
    origin::{OriginRef, Target},
    trace::{self, Subject},
};

const DEFAULT_ATTEMPTS: usize = 3;
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);
/// The first wait without a `Retry-After` is between this and twice this.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// Retry policy for requests to the Logentries API, for tower's [`RetryLayer`](tower::retry::RetryLayer).
///
/// Add the retry layer outside [`LogentriesAuthLayer`](super::LogentriesAuthLayer), so that each attempt gets its own
/// date and signature:
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{ServiceBuilder, retry::RetryLayer};
/// use tower_logentries_auth::{Credentials, LogentriesAuthLayer, LogentriesRetryPolicy};
///
/// # fn run() -> Result<(), tower_logentries_auth::CredentialsError> {
/// let client = ServiceBuilder::new()
///     .layer(RetryLayer::new(LogentriesRetryPolicy::new()))
///     .layer(LogentriesAuthLayer::new(Credentials::owner("key-id", "owner-key")?))
///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
/// # Ok(())
/// # }
/// ```
///
/// | failure | methods | when it is sent again |
/// |---|---|---|
/// | [`ClockSkewCorrected`](super::ClockSkewCorrected) | all | at once, and once only |
/// | 429 | all, because the server did not process the request | after `Retry-After`, or with exponential backoff |
/// | 503, and other statuses that are [set](Self::statuses) | idempotent | the same |
/// | the connection failed, or ended before the response | idempotent | with exponential backoff |
///
/// `Retry-After` (RFC 9110, section 10.2.3) is a number of seconds, or a date that is compared with the response's own
/// `Date`. Up to a tenth is added to it at random, so that clients do not return all at once. Backoff starts with 100
/// to 200 ms and doubles each time. If a request would wait for longer than [`max_wait`](Self::max_wait) in total, the
/// response is returned as it is.
///
/// A budget that all clones share limits the retries of a service, so that they do not add to an outage. The single
/// retry after a clock correction is not counted.
///
/// Before each attempt but the last, the request is cloned with its extensions. An [`http::Request`] needs a body that
/// is `Clone`, such as [`Full<Bytes>`](http_body_util::Full), whose clones share the bytes. A
/// [`reqwest::Request`](https://docs.rs/reqwest/0.13/reqwest/struct.Request.html) with a
/// streaming body cannot be cloned: it is sent once, and an event says so.
///
/// # Panics
///
/// Waiting panics outside a tokio runtime with time enabled.
#[derive(Debug, Clone)]
#[must_use = "a policy does nothing until a `RetryLayer` has it"]
pub struct LogentriesRetryPolicy {
    attempts: usize,
    max_wait: Duration,
    statuses: Arc<[StatusCode]>,
    budget: Arc<TpsBudget>,
    progress: Progress,
}

/// The state of one request. tower clones the policy for each.
#[derive(Debug, Clone, Default)]
struct Progress {
    retries: usize,
    waited: Duration,
    is_clock_corrected: bool,
    backoff: Option<ExponentialBackoff>,
}

impl LogentriesRetryPolicy {
    /// Creates a policy with up to 3 attempts, which retries 429 and 503.
    pub fn new() -> Self {
        Self {
            attempts: DEFAULT_ATTEMPTS,
            max_wait: DEFAULT_MAX_WAIT,
            statuses: [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].into(),
            budget: Arc::new(TpsBudget::default()),
            progress: Progress::default(),
        }
    }

    /// Sets how many times a request is sent at most, including the first. Defaults to 3; 1 disables retries.
    ///
    /// ```
    /// use tower_logentries_auth::LogentriesRetryPolicy;
    ///
    /// let policy = LogentriesRetryPolicy::new().attempts(5);
    /// ```
    pub fn attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets how long a request waits at most before its retries, all together. Defaults to 60 seconds.
    ///
    /// The time that the attempts themselves take does not count. An outer
    /// [`Timeout`](https://docs.rs/tower/0.5/tower/timeout/struct.Timeout.html) layer limits both.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_logentries_auth::LogentriesRetryPolicy;
    ///
    /// let policy = LogentriesRetryPolicy::new().max_wait(Duration::from_secs(15 * 60)); // a whole rate limit window
    /// ```
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Sets the statuses that are worth another attempt. Defaults to 429 and 503.
    ///
    /// Requests with a method that is not idempotent, such as `POST`, are retried after 429 only.
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_logentries_auth::LogentriesRetryPolicy;
    ///
    /// let policy = LogentriesRetryPolicy::new().statuses([
    ///     StatusCode::TOO_MANY_REQUESTS,
    ///     StatusCode::BAD_GATEWAY,
    ///     StatusCode::SERVICE_UNAVAILABLE,
    ///     StatusCode::GATEWAY_TIMEOUT,
    /// ]);
    /// ```
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// Sets the budget that limits the retries of all clones together. Defaults to [`TpsBudget::default`]: one retry
    /// for every five successful requests of the last 10 seconds, plus 10 retries per second.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::retry::budget::TpsBudget;
    /// use tower_logentries_auth::LogentriesRetryPolicy;
    ///
    /// // One retry for every ten successful requests, plus one per second.
    /// let policy = LogentriesRetryPolicy::new().budget(TpsBudget::new(Duration::from_secs(10), 1, 0.1));
    /// ```
    pub fn budget(mut self, budget: TpsBudget) -> Self {
        self.budget = Arc::new(budget);
        self
    }

    /// Returns whether the attempt that comes next may be followed by another.
    fn has_attempts_left(&self) -> bool {
        self.progress.retries.saturating_add(1) < self.attempts
    }

    /// Returns the delay before the next attempt, or `None` if the result is final.
    fn next_attempt<'a, Res: HttpResponse, E: AttemptError>(
        &mut self,
        subject: Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>>,
        result: &mut Result<Res, E>,
    ) -> Option<RetryDelay> {
        let Some(failure) = Failure::of(result, subject.method, &self.statuses) else {
            if result.as_ref().is_ok_and(|response| response.status().is_success()) {
                self.budget.deposit();
            }
            return None;
        };
        if !self.has_attempts_left() {
            return None;
        }
        let status = result.as_ref().ok().map(|response| response.status());
        match self.wait(failure) {
            Ok(wait) => {
                self.progress.retries += 1;
                self.progress.waited += wait;
                trace::retrying(subject, status, self.progress.retries, wait, failure.reason());
                Some(RetryDelay::new(wait))
            }
            Err(reason) => {
                trace::not_retried(subject, status, reason);
                None
            }
        }
    }

    /// Returns how long to wait, or why the request is not sent again.
    fn wait(&mut self, failure: Failure) -> Result<Duration, &'static str> {
        let retry_after = match failure {
            Failure::ClockSkew if self.progress.is_clock_corrected => {
                return Err("its clock was corrected before");
            }
            Failure::ClockSkew => {
                self.progress.is_clock_corrected = true;
                return Ok(Duration::ZERO);
            }
            Failure::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            Failure::Connection => Duration::ZERO,
        };
        let left = self.max_wait.saturating_sub(self.progress.waited);
        if left.is_zero() || retry_after > left {
            return Err("it would wait for too long");
        }
        if !self.budget.withdraw() {
            return Err("too many requests failed: the retry budget is used up");
        }
        Ok(jittered(retry_after).max(self.progress.next_backoff()).min(left))
    }
}

impl Progress {
    fn next_backoff(&mut self) -> Duration {
        let backoff = self.backoff.get_or_insert_with(|| {
            // Each request draws its own random numbers: clones of one generator would all draw the same.
            ExponentialBackoffMaker::new(FIRST_BACKOFF, LONGEST_BACKOFF, 1.0, HasherRng::new())
                .expect("the bounds are in order")
                .make_backoff()
        });
        backoff.next_backoff().deadline().saturating_duration_since(Instant::now())
    }
}

/// Adds up to a tenth.
fn jittered(wait: Duration) -> Duration {
    wait.saturating_add((wait / 10).mul_f64(HasherRng::new().next_f64()))
}

impl Default for LogentriesRetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Clone, Res: HttpResponse, E: AttemptError> Policy<Request<B>, Res, E> for LogentriesRetryPolicy {
    type Future = RetryDelay;

    fn retry(&mut self, request: &mut Request<B>, result: &mut Result<Res, E>) -> Option<RetryDelay> {
        let (method, path) = (request.method(), request.uri().path());
        let origin = || Target::of_uri(request.uri()).origin();
        self.next_attempt(Subject { method, path, origin }, result)
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        self.has_attempts_left().then(|| request.clone())
    }
}

#[cfg(feature = "reqwest")]
impl<Res: HttpResponse, E: AttemptError> Policy<reqwest::Request, Res, E> for LogentriesRetryPolicy {
    type Future = RetryDelay;

    fn retry(&mut self, request: &mut reqwest::Request, result: &mut Result<Res, E>) -> Option<RetryDelay> {
        self.next_attempt(subject(request), result)
    }

    fn clone_request(&mut self, request: &reqwest::Request) -> Option<reqwest::Request> {
        if !self.has_attempts_left() {
            return None;
        }
        let clone = request.try_clone();
        if clone.is_none() {
            trace::not_retryable(subject(request));
        }
        clone
    }
}

#[cfg(feature = "reqwest")]
fn subject<'a>(request: &'a reqwest::Request) -> Subject<'a, impl FnOnce() -> Option<OriginRef<'a>>> {
    Subject {
        method: request.method(),
        path: request.url().path(),
        origin: || sealed::HttpRequest::target(request).origin(),
    }
}
