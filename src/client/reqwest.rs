//! reqwest's request and response. A request is changed in place, so that its URL, timeout and extensions survive.

use http::{Extensions, HeaderMap, Method, StatusCode};
use reqwest::{Body, Request, Response, Url};

use super::origin::{Origin, Target};
use super::request::{Head, HttpRequest, HttpResponse, sealed};

impl HttpRequest for Request {
    type Body = Body;
}

impl sealed::HttpRequest<Body> for Request {
    type Head = Self;

    fn body(&self) -> Option<&Body> {
        self.body()
    }

    fn split(mut self) -> (Self, Body) {
        let body = self.body_mut().take().unwrap_or_default();
        (self, body)
    }

    fn join(mut head: Self, body: Body) -> Self {
        *head.body_mut() = Some(body);
        head
    }
}

/// reqwest does not expose request extensions.
impl Head for Request {
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
    fn is_from(&self, origin: &Origin<'_>) -> bool {
        matches!(target(self.url()), Target::Origin(answered) if answered == *origin)
    }
}

fn target(url: &Url) -> Target<'_> {
    let has_userinfo = !url.username().is_empty() || url.password().is_some();
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        _ if has_userinfo => Target::Invalid,
        (scheme @ ("http" | "https"), Some(host), Some(port)) => {
            Target::Origin(Origin::new(scheme == "https", host, port))
        }
        _ => Target::Invalid,
    }
}
