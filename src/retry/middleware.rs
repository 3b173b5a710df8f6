//! The retry policy as middleware for a [`reqwest_middleware`] client.

use std::error::Error as StdError;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tower::retry::Policy;

use super::failure::AsError;
use super::{AttemptError, LogentriesRetryPolicy};

/// Middleware that retries the requests of a [`ClientWithMiddleware`](reqwest_middleware::ClientWithMiddleware) by a
/// [`LogentriesRetryPolicy`].
///
/// Add it before [`LogentriesAuthMiddleware`](crate::LogentriesAuthMiddleware), so that each attempt gets its own
/// signature. Middleware that runs for each attempt, such as tracing, can be added between the two. All attempts share
/// the extensions of the request.
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use tower_logentries_auth::{
///     Credentials, LogentriesAuthMiddleware, LogentriesRetryMiddleware, LogentriesRetryPolicy,
/// };
///
/// # fn run(client: reqwest::Client) -> Result<(), tower_logentries_auth::CredentialsError> {
/// let client = ClientBuilder::new(client)
///     .with(LogentriesRetryMiddleware::new(LogentriesRetryPolicy::new().attempts(5)))
///     .with(LogentriesAuthMiddleware::new(Credentials::owner("key-id", "owner-key")?))
///     .build();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct LogentriesRetryMiddleware {
    policy: LogentriesRetryPolicy,
}

impl LogentriesRetryMiddleware {
    /// Creates middleware that retries by this policy.
    pub fn new(policy: LogentriesRetryPolicy) -> Self {
        Self { policy }
    }
}

#[async_trait::async_trait]
impl Middleware for LogentriesRetryMiddleware {
    async fn handle(&self, mut request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let mut policy = self.policy.clone();
        loop {
            let clone = Policy::<Request, Response, Error>::clone_request(&mut policy, &request);
            let mut result = next.clone().run(request, extensions).await;
            let Some(mut clone) = clone else { return result };
            let Some(wait) = policy.retry(&mut clone, &mut result) else { return result };
            drop(result); // and with it its connection, while this waits
            wait.await;
            request = clone;
        }
    }
}

impl AttemptError for Error {}

impl AsError for Error {
    fn as_error(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::Middleware(error) => &**error,
            Self::Reqwest(error) => error,
        }
    }
}
