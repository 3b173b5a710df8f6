//! The sealed traits over the clients' request and response types, so that one implementation serves every client.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, request, uri::PathAndQuery};
use http_body::Body;
use tower::BoxError;

use crate::{
    Access, BodyDigest,
    origin::{Origin, Target},
};

/// A request that can be signed: [`http::Request`] and, with feature `reqwest`,
/// [`reqwest::Request`](https://docs.rs/reqwest/0.13/reqwest/struct.Request.html).
///
/// This trait is sealed and has no methods to call. It is public so that code that is generic over clients can name it
/// in its bounds.
#[allow(private_bounds)] // which closes its methods too
pub trait HttpRequest: sealed::HttpRequest {}

/// A response to a signed request: [`http::Response`] and, with feature `reqwest`,
/// [`reqwest::Response`](https://docs.rs/reqwest/0.13/reqwest/struct.Response.html).
///
/// This trait is sealed and has no methods to call. It is public so that code that is generic over clients can name it
/// in its bounds.
#[allow(private_bounds)] // which closes its methods too
pub trait HttpResponse: sealed::HttpResponse {}

/// Private traits, so that nobody outside can call their methods, or depend on them:
///
/// ```compile_fail,E0624
/// fn trim<Req: tower_logentries_auth::sign::HttpRequest>(request: &mut Req) {
///     request.trim_path();
/// }
/// ```
pub(crate) mod sealed {
    use super::*;

    pub(crate) trait HttpRequest: Sized {
        type Body: Body<Error: Into<BoxError>>;
        /// What is left of the request while its body is read.
        type Head;

        fn method(&self) -> &Method;
        /// Returns the path without its query, in exactly the octets that are sent.
        fn path(&self) -> &str;
        fn target(&self) -> Target<'_>;
        /// Removes trailing slashes from the path of the target.
        fn trim_path(&mut self);
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
        fn overrides(&self) -> RequestOverrides;
        /// Returns `None` if there is no body at all.
        fn body(&self) -> Option<&Self::Body>;
        fn split(self) -> (Self::Head, Self::Body);
        /// Returns the method and the path of a request that was split.
        fn line(head: &Self::Head) -> (&Method, &str);
        fn join(head: Self::Head, body: Self::Body) -> Self;
    }

    pub(crate) trait HttpResponse {
        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        fn extensions_mut(&mut self) -> &mut Extensions;
        /// Returns whether `origin` sent this response, as far as the response knows.
        fn is_from(&self, origin: &Origin) -> bool;
    }
}

/// What the extensions of one request override.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestOverrides {
    pub(crate) access: Option<Access>,
    pub(crate) digest: Option<BodyDigest>,
}

impl From<&Extensions> for RequestOverrides {
    #[inline]
    fn from(extensions: &Extensions) -> Self {
        Self { access: extensions.get().copied(), digest: extensions.get().copied() }
    }
}

impl<ReqBody: Body<Error: Into<BoxError>>> HttpRequest for Request<ReqBody> {}

impl<ReqBody: Body<Error: Into<BoxError>>> sealed::HttpRequest for Request<ReqBody> {
    type Body = ReqBody;
    type Head = request::Parts;

    fn method(&self) -> &Method {
        self.method()
    }

    fn path(&self) -> &str {
        self.uri().path()
    }

    fn target(&self) -> Target<'_> {
        Target::of_uri(self.uri())
    }

    fn trim_path(&mut self) {
        let path = self.uri().path();
        if path != "/"
            && path.ends_with('/')
            && let Some(uri) = trimmed(self.uri())
        {
            *self.uri_mut() = uri;
        }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn overrides(&self) -> RequestOverrides {
        self.extensions().into()
    }

    fn body(&self) -> Option<&ReqBody> {
        Some(self.body())
    }

    fn split(self) -> (Self::Head, ReqBody) {
        self.into_parts()
    }

    fn line(head: &Self::Head) -> (&Method, &str) {
        (&head.method, head.uri.path())
    }

    fn join(head: Self::Head, body: ReqBody) -> Self {
        Self::from_parts(head, body)
    }
}

fn trimmed(uri: &Uri) -> Option<Uri> {
    let path = match uri.path().trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.ok()?);
    Uri::from_parts(parts).ok()
}

impl<ResBody> HttpResponse for Response<ResBody> {}

impl<ResBody> sealed::HttpResponse for Response<ResBody> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }

    fn is_from(&self, _: &Origin) -> bool {
        true
    }
}
