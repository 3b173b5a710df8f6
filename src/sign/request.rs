//! What the layer asks of a client's request and response types, so that one implementation serves every client.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, request, uri::PathAndQuery};
use http_body::Body;
use tower::BoxError;

use crate::{
    Access, BodyDigest,
    origin::{Origin, Target},
};

/// A request that can be signed: [`http::Request`] and, with feature `reqwest`, `reqwest::Request`.
///
/// Sealed. It is public so that code which is generic over clients can name it in its bounds.
pub trait HttpRequest: sealed::HttpRequest {}

/// A response that tells its status and headers: [`http::Response`] and, with feature `reqwest`, `reqwest::Response`.
///
/// Sealed. It is public so that code which is generic over clients can name it in its bounds.
pub trait HttpResponse: sealed::HttpResponse {}

pub(crate) mod sealed {
    use super::*;

    pub trait HttpRequest: Sized {
        type Body: Body<Error: Into<BoxError>>;
        /// The request while its body is away to be read.
        type Head;

        fn method(&self) -> &Method;
        /// The path in the octets that are sent, without the query.
        fn path(&self) -> &str;
        fn target(&self) -> Target<'_>;
        /// Takes the slashes at the end of the path out of the target.
        fn trim_path(&mut self);
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
        fn wishes(&self) -> Wishes;
        /// `None` where there is no body at all.
        fn body(&self) -> Option<&Self::Body>;
        fn split(self) -> (Self::Head, Self::Body);
        fn join(head: Self::Head, body: Self::Body) -> Self;
    }

    pub trait HttpResponse {
        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        fn extensions_mut(&mut self) -> &mut Extensions;
        /// Whether this is the answer of `origin`, as far as the response knows.
        fn is_from(&self, origin: &Origin) -> bool;
    }
}

/// What the extensions of one request ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    pub(crate) access: Option<Access>,
    pub(crate) digest: Option<BodyDigest>,
}

impl From<&Extensions> for Wishes {
    fn from(extensions: &Extensions) -> Self {
        Self { access: extensions.get().copied(), digest: extensions.get().copied() }
    }
}

impl<B: Body<Error: Into<BoxError>>> HttpRequest for Request<B> {}

impl<B: Body<Error: Into<BoxError>>> sealed::HttpRequest for Request<B> {
    type Body = B;
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

    fn wishes(&self) -> Wishes {
        self.extensions().into()
    }

    fn body(&self) -> Option<&B> {
        Some(self.body())
    }

    fn split(self) -> (Self::Head, B) {
        self.into_parts()
    }

    fn join(head: Self::Head, body: B) -> Self {
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

impl<T> HttpResponse for Response<T> {}

impl<T> sealed::HttpResponse for Response<T> {
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
