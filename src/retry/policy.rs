//! The policy: how often a request is sent, and how long it waits in between.

use std::fmt::Display;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};

use super::delay::{jittered, random};
use super::failure::Failure;
use super::{AttemptError, RetryDelay};
use crate::client::HttpResponse;
use crate::client::origin::Target;
use crate::client::request::Head;
use crate::scheme::{is_idempotent, is_safe};
use crate::trace::{self, Subject};

const DEFAULT_ATTEMPTS: usize = 3;
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);
/// The first wait without a `Retry-After` is between this and twice this.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// The date that is signed has whole seconds: after this, the same request gets another signature.
const NEW_DATE: Duration = Duration::from_secs(1);

/// Retry policy for requests to the Logentries API, for tower's [`RetryLayer`](tower::retry::RetryLayer).
///
/// Add the retry layer outside [`LogentriesAuthLayer`](crate::LogentriesAuthLayer), so that each attempt gets its own
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
/// Put a layer that follows redirects outside the retry layer, and let the client itself follow none. Otherwise, if a
/// server processes a `POST` and then refuses the hop that follows, the `POST` is sent again.
///
/// # What is sent again
///
/// | failure | methods | when |
/// |---|---|---|
/// | [`ClockSkewCorrected`](crate::client::ClockSkewCorrected) with 401 | all | at once, and once only |
/// | the same with 403 or 404, which a service may answer after it processed the request | idempotent | the same |
/// | 429: the server did not process the request | all | after `Retry-After`, or with backoff |
/// | 503, and other statuses that are [set](Self::statuses) | idempotent | the same |
/// | HTTP/2: the server refused the stream (`REFUSED_STREAM`), or left it out in its `GOAWAY` ([RFC 9113, section 8.7]) | all | with backoff |
/// | hyper's [`is_canceled`]: the request was never written | all | with backoff |
/// | the connection was closed before the response: hyper's [`is_incomplete_message`], [`is_closed`] and [`is_timeout`] | idempotent | with backoff |
/// | the innermost [`io::Error`](std::io::Error) is `ConnectionRefused`, `ConnectionReset`, `ConnectionAborted`, `BrokenPipe`, `NotConnected`, `UnexpectedEof`, `HostUnreachable`, `NetworkUnreachable`, `NetworkDown`, `TimedOut` or `Interrupted`, such as after a TLS handshake that was cut off | idempotent | with backoff |
/// | tower's [`Elapsed`](tower::timeout::error::Elapsed), and a timeout of `reqwest` 0.13 with that feature | idempotent | with backoff |
/// | anything else | none | |
///
/// Anything else is final because it would fail again, or may: a request that was [not sent](crate::AuthError), a body
/// that cannot be read, an invalid certificate, a client without TLS, an unknown scheme, a name that is not found, a
/// proxy that refuses `CONNECT`, a stream that was reset for another reason, and every error that is not recognized.
///
/// GET, HEAD, OPTIONS, TRACE, QUERY, PUT and DELETE are idempotent. All but the last two are also safe.
///
/// # How long it waits
///
/// `Retry-After` (RFC 9110, section 10.2.3) is a number of seconds, or a date that is compared with the response's own
/// `Date`. Up to a tenth is added to it at random, so that clients do not return all at once. Backoff starts with 100
/// to 200 ms and doubles each time.
///
/// A request whose method is not safe waits for at least a second, except after a clock correction. Its date has whole
/// seconds, so its signature is then a new one, which a server that [rejects replays](crate::replay) accepts.
///
/// If a request would wait for longer than [`max_wait`](Self::max_wait) in total, its result is final.
///
/// A budget that all clones share limits the retries of a service, so that they do not add to an outage. The single
/// retry after a clock correction is not counted.
///
/// # Bodies
///
/// Before each attempt but the last, the request is cloned with its extensions. An [`http::Request`] needs a body that
/// is `Clone`, such as [`Full<Bytes>`](http_body_util::Full), whose clones share the bytes. A
/// [`reqwest::Request`](https://docs.rs/reqwest/0.13/reqwest/struct.Request.html) with a
/// streaming body cannot be cloned: it is sent once, and an event says so.
///
/// # Panics
///
/// Waiting panics outside a tokio runtime with time enabled.
///
/// [RFC 9113, section 8.7]: https://www.rfc-editor.org/rfc/rfc9113#section-8.7
/// [`is_canceled`]: https://docs.rs/hyper/1/hyper/struct.Error.html#method.is_canceled
/// [`is_incomplete_message`]: https://docs.rs/hyper/1/hyper/struct.Error.html#method.is_incomplete_message
/// [`is_closed`]: https://docs.rs/hyper/1/hyper/struct.Error.html#method.is_closed
/// [`is_timeout`]: https://docs.rs/hyper/1/hyper/struct.Error.html#method.is_timeout
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
    backoff: Duration,
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
    fn next_attempt<Res: HttpResponse, E: AttemptError>(
        &mut self,
        subject: &Subject<'_, impl Display>,
        result: &mut Result<Res, E>,
    ) -> Option<RetryDelay> {
        let (failure, status) = match result {
            Ok(response) => (Failure::of_response(response, &self.statuses), Some(response.status())),
            Err(error) => (Failure::of_error(error.as_error()), None),
        };
        let Some(failure) = failure.filter(|failure| failure.left_no_effect || is_idempotent(subject.method)) else {
            if status.is_some_and(|status| status.is_success()) {
                self.budget.deposit();
            }
            return None;
        };
        if !self.has_attempts_left() {
            return None;
        }
        let wait = self.wait(&failure, subject.method);
        if let Ok(wait) = wait {
            self.progress.retries += 1;
            self.progress.waited += wait;
        }
        let retry = wait.ok().map(|wait| (self.progress.retries, wait));
        trace::failed(subject, status, retry, wait.err().unwrap_or(failure.reason));
        wait.ok().map(RetryDelay::new)
    }

    /// Returns how long to wait, or why the request is not sent again.
    fn wait(&mut self, failure: &Failure, method: &Method) -> Result<Duration, &'static str> {
        let progress = &mut self.progress;
        let Some(asked) = failure.wait else {
            // There is no need to wait: the corrected date is another one.
            let is_first = !mem::replace(&mut progress.is_clock_corrected, true);
            return if is_first { Ok(Duration::ZERO) } else { Err("its clock was corrected before") };
        };
        let least = if is_safe(method) { asked } else { asked.max(NEW_DATE) };
        let left = self.max_wait.saturating_sub(progress.waited);
        if left.is_zero() || least > left {
            return Err("it would wait for too long");
        }
        if !self.budget.withdraw() {
            return Err("too many requests failed: the retry budget is used up");
        }
        progress.backoff = (progress.backoff * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        let backoff = progress.backoff.mul_f64(1.0 + random()).min(LONGEST_BACKOFF);
        Ok(jittered(least).max(backoff).min(left))
    }
}

impl Default for LogentriesRetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Clone, Res: HttpResponse, E: AttemptError> Policy<Request<B>, Res, E> for LogentriesRetryPolicy {
    type Future = RetryDelay;

    fn retry(&mut self, request: &mut Request<B>, result: &mut Result<Res, E>) -> Option<RetryDelay> {
        self.next_attempt(&subject(request), result)
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        self.has_attempts_left().then(|| request.clone())
    }
}

#[cfg(feature = "reqwest")]
impl<Res: HttpResponse, E: AttemptError> Policy<reqwest::Request, Res, E> for LogentriesRetryPolicy {
    type Future = RetryDelay;

    fn retry(&mut self, request: &mut reqwest::Request, result: &mut Result<Res, E>) -> Option<RetryDelay> {
        self.next_attempt(&subject(request), result)
    }

    fn clone_request(&mut self, request: &reqwest::Request) -> Option<reqwest::Request> {
        if !self.has_attempts_left() {
            return None;
        }
        let clone = request.try_clone();
        if clone.is_none() {
            trace::failed(&subject(request), None, None, "its body is a stream, which cannot be cloned");
        }
        clone
    }
}

fn subject(request: &impl Head) -> Subject<'_, Target<'_>> {
    Subject { method: request.method(), path: request.path(), origin: request.target() }
}
