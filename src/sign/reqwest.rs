//! reqwest's request and response. A request is changed in place, so that its URL, timeout and extensions survive.

use http::{Extensions, HeaderMap, Method, StatusCode};
use reqwest::{Body, Request, Response, Url};

use super::request::{HttpRequest, HttpResponse, RequestOverrides, sealed};
use crate::origin::{Origin, OriginRef, Target};

impl HttpRequest for Request {}

impl sealed::HttpRequest for Request {
    type Body = Body;
    type Head = Self;

    fn method(&self) -> &Method {
        self.method()
    }

    fn path(&self) -> &str {
        self.url().path()
    }

    fn target(&self) -> Target<'_> {
        target(self.url())
    }

    fn trim_path(&mut self) {
        let path = self.url().path();
        if path != "/" && path.ends_with('/') {
            let path = path.trim_end_matches('/').to_owned();
            self.url_mut().set_path(&path);
        }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    /// reqwest does not expose request extensions.
    fn overrides(&self) -> RequestOverrides {
        RequestOverrides::default()
    }

    fn body(&self) -> Option<&Body> {
        self.body()
    }

    fn split(mut self) -> (Self, Body) {
        let body = self.body_mut().take().unwrap_or_default();
        (self, body)
    }

    fn line(head: &Self) -> (&Method, &str) {
        (head.method(), head.url().path())
    }

    fn join(mut head: Self, body: Body) -> Self {
        *head.body_mut() = Some(body);
        head
    }
}

impl HttpResponse for Response {}

impl sealed::HttpResponse for Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }

    /// A client that follows redirects may have been answered by another origin.
    fn is_from(&self, origin: &Origin) -> bool {
        matches!(target(self.url()), Target::Origin(answered) if answered == origin.as_ref())
    }
}

fn target(url: &Url) -> Target<'_> {
    let has_userinfo = !url.username().is_empty() || url.password().is_some();
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        _ if has_userinfo => Target::Invalid,
        (scheme @ ("http" | "https"), Some(host), Some(port)) => {
            Target::Origin(OriginRef::new(scheme == "https", host, port))
        }
        _ => Target::Invalid,
    }
}
