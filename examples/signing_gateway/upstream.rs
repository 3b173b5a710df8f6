//! What a proxy does to a request beside authenticating it: the target, and the headers that are for the next hop.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, Method, Request, Uri, Version,
        header::{CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE},
        uri::{Authority, PathAndQuery, Scheme},
    },
};
use tower::BoxError;

#[derive(Clone)]
pub(crate) struct Upstream {
    scheme: Scheme,
    authority: Authority,
}

impl Upstream {
    pub(crate) fn parse(origin: &str) -> anyhow::Result<Self> {
        let parts = origin.parse::<Uri>()?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            anyhow::bail!("--upstream takes an origin, such as https://rest.logentries.com");
        };
        Ok(Self { scheme, authority })
    }

    /// Directs a request to this upstream, whatever host it names.
    pub(crate) fn direct(&self, mut request: Request<Body>) -> Result<Request<Body>, BoxError> {
        let path = request.uri().path_and_query().filter(|path| path.as_str().starts_with('/')).cloned();
        let path: PathAndQuery = path
            .filter(|_| request.method() != Method::CONNECT)
            .ok_or("this gateway forwards requests for a path only")?;
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        *request.uri_mut() = uri.build()?;
        // The inner client speaks HTTP/1.1, and sets the Host header from the URI.
        *request.version_mut() = Version::HTTP_11;
        remove_hop_by_hop(request.headers_mut());
        request.headers_mut().remove(HOST);
        Ok(request)
    }
}

/// Removes the headers that are for the next hop only: those that `Connection` names, and the list of RFC 9110 (section
/// 7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let keep_alive = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    let others = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];
    for name in named.into_iter().chain(keep_alive).chain(others) {
        headers.remove(name);
    }
}
