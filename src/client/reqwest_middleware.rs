//! The layer as middleware for a [`reqwest_middleware`] client.

use std::sync::Arc;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::LogentriesAuthLayer;
use super::request::Overrides;
use super::signer::{Signer, Step};
use crate::{CredentialsHandle, RebuildBody, RebuildFromBytes};

/// Middleware that authenticates every request of a [`ClientWithMiddleware`](reqwest_middleware::ClientWithMiddleware).
///
/// Add it last, so that each attempt of a retry middleware before it gets its own signature. The inner reqwest client
/// must not follow redirects: it would send the credentials along, to any host.
///
/// Set an [`Access`](crate::Access) or a [`BodyDigest`](crate::BodyDigest) for a request with `with_extension`. A
/// request that cannot be sent fails with [`reqwest_middleware::Error::Middleware`], from which `downcast_ref` returns
/// the [`AuthError`](super::AuthError).
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use tower_logentries_auth::{Access, Credentials, LogentriesAuthMiddleware};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
/// let client = ClientBuilder::new(client)
///     .with(LogentriesAuthMiddleware::new(Credentials::owner("key-id", "owner-key")?))
///     .build();
/// let response = client
///     .get("https://rest.logentries.com/management/new-resource")
///     .with_extension(Access::Owner)
///     .send()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LogentriesAuthMiddleware<R = RebuildFromBytes> {
    signer: Arc<Signer>,
    rebuild: R,
}

impl LogentriesAuthMiddleware {
    /// Creates middleware that sends these credentials to Rapid7's hosts, over https only.
    ///
    /// To configure it, configure a layer and convert that: `LogentriesAuthLayer::new(..).trust_origin(..)?.into()`.
    pub fn new(credentials: impl Into<CredentialsHandle>) -> Self {
        LogentriesAuthLayer::new(credentials).into()
    }
}

impl<R> From<LogentriesAuthLayer<R>> for LogentriesAuthMiddleware<R> {
    fn from(layer: LogentriesAuthLayer<R>) -> Self {
        let LogentriesAuthLayer { signer, rebuild } = layer;
        Self { signer, rebuild }
    }
}

#[async_trait::async_trait]
impl<R: RebuildBody<reqwest::Body> + Send + Sync + 'static> Middleware for LogentriesAuthMiddleware<R> {
    async fn handle(&self, mut request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let authenticated = match self.signer.begin(&mut request, Some(Overrides::from(&*extensions))) {
            Ok(Step::Send(check)) => Ok((request, check)),
            Ok(Step::Read(signing)) => {
                let (head, body) = self.signer.take_body(request);
                self.signer.sign_body(head, signing, body.await, &self.rebuild)
            }
            Err(error) => Err(error),
        };
        let (request, check) = authenticated.map_err(Error::middleware)?;
        let mut response = next.run(request, extensions).await?;
        if let Some(check) = check {
            check.inspect(&mut response);
        }
        Ok(response)
    }
}

crate::text::opaque_debug!(LogentriesAuthMiddleware<R>);
