//! The layer around reqwest's clients.

use reqwest::{Client, Request, Response, redirect::Policy};
use reqwest_middleware::ClientBuilder;
use tower::{BoxError, Layer, Service, ServiceExt, util::BoxCloneService};
use tower_logentries_auth::{AuthError, LogentriesAuthLayer, LogentriesAuthMiddleware};

/// A builder of reqwest clients that follow no redirects.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // reqwest asks for a provider even where it will speak plain http. The first test to come installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy()
}

/// A client with the layer, of any kind.
pub(crate) type AnyClient = BoxCloneService<Request, Response, BoxError>;

/// A reqwest client with this layer, in each possible way.
pub(crate) fn all_ways(layer: &LogentriesAuthLayer, http: Client) -> [(&'static str, AnyClient); 3] {
    let middleware = LogentriesAuthMiddleware::from(layer.clone());
    [
        ("around reqwest", any(layer.layer(http.clone()))),
        ("around reqwest-middleware", any(layer.layer(ClientBuilder::new(http.clone()).build()))),
        ("as a middleware", any(ClientBuilder::new(http).with(middleware).build())),
    ]
}

fn any<S>(client: S) -> AnyClient
where
    S: Service<Request, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    BoxCloneService::new(client.map_err(Into::into))
}

/// The layer's own error, which the middleware wraps.
pub(crate) fn auth_error(error: &BoxError) -> &AuthError {
    let wrapped = match error.downcast_ref() {
        Some(reqwest_middleware::Error::Middleware(error)) => error.downcast_ref(),
        _ => error.downcast_ref(),
    };
    wrapped.unwrap_or_else(|| panic!("not an error of the layer: {error:?}"))
}
