//! The client side once more, as the middleware of a `reqwest_middleware` client.

use std::fmt;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::{
    AuthError, Credentials, FromBytes, LogentriesAuthLayer, Rebuild,
    sign::{
        Wishes,
        sealed::HttpRequest,
        steps::{Step, Watch},
    },
    trace,
};

/// Authenticates every request of a `reqwest_middleware` client, with the settings of a [`LogentriesAuthLayer`].
///
/// Add it last, so that a retry middleware before it has each attempt signed afresh. The reqwest client below must not
/// follow redirects: it would carry the headers along, to any host.
///
/// [`Access`](crate::Access) and [`BodyDigest`](crate::BodyDigest) go with a request through `with_extension`. Refusals
/// are `reqwest_middleware::Error::Middleware` errors, from which an [`AuthError`] can be had by `downcast_ref`.
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
pub struct LogentriesAuthMiddleware<R = FromBytes> {
    layer: LogentriesAuthLayer<R>,
}

impl LogentriesAuthMiddleware {
    /// A middleware that sends these credentials to the vendor's hosts, over https alone.
    ///
    /// Other settings are those of a layer: `LogentriesAuthLayer::new(..).trust_origin(..)?.into()`.
    pub fn new(credentials: Credentials) -> Self {
        LogentriesAuthLayer::new(credentials).into()
    }
}

impl<R> From<LogentriesAuthLayer<R>> for LogentriesAuthMiddleware<R> {
    fn from(layer: LogentriesAuthLayer<R>) -> Self {
        Self { layer }
    }
}

impl<R: Rebuild<reqwest::Body>> LogentriesAuthMiddleware<R> {
    async fn authenticate(
        &self,
        mut request: Request,
        wishes: Wishes,
    ) -> std::result::Result<(Request, Option<Watch>), AuthError> {
        match self.layer.admit(&mut request, wishes)? {
            Step::Send => Ok((request, None)),
            Step::Sign(pen, digest) => {
                let watch = self.layer.sign(&mut request, pen, digest)?;
                Ok((request, watch))
            }
            Step::Read(pen) => {
                let (head, body) = request.split();
                let read = self.layer.reader(body)?.await?;
                self.layer.complete(head, read, pen)
            }
        }
    }
}

#[async_trait::async_trait]
impl<R: Rebuild<reqwest::Body> + Send + Sync + 'static> Middleware for LogentriesAuthMiddleware<R> {
    async fn handle(&self, request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let authenticated = self.authenticate(request, Wishes::from(&*extensions)).await;
        let (request, watch) = authenticated.inspect_err(trace::refused).map_err(Error::middleware)?;
        let mut response = next.run(request, extensions).await?;
        if let Some(watch) = watch {
            watch.see(&mut response);
        }
        Ok(response)
    }
}

impl<R> fmt::Debug for LogentriesAuthMiddleware<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogentriesAuthMiddleware").field("layer", &self.layer).finish()
    }
}
