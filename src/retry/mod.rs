//! Retries: which requests are sent again, when, and how often.
//!
//! [`LogentriesRetryPolicy`] has the table of failures, for tower's [`RetryLayer`](tower::retry::RetryLayer). With
//! feature `reqwest-middleware`, `LogentriesRetryMiddleware` applies it to the clients of that crate.

// `failure` decides what is worth another attempt; `delay` says when; `policy` counts attempts and waits; `middleware`
// applies the policy in reqwest-middleware.

mod delay;
mod failure;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod policy;

pub use self::delay::RetryDelay;
pub use self::failure::AttemptError;
#[cfg(feature = "reqwest-middleware")]
pub use self::middleware::LogentriesRetryMiddleware;
pub use self::policy::LogentriesRetryPolicy;
