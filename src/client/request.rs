//! The sealed traits over the clients' request and response types, so that one implementation serves every client.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Body;

use super::origin::{Origin, Target};
use crate::{Access, BodyDigest, BoxError};

/// A request that can be signed: [`http::Request`] and, with feature `reqwest`,
/// [`reqwest::Request`](https://docs.rs/reqwest/0.13/reqwest/struct.Request.html).
///
/// This trait is sealed and has no methods to call. It is public so that code that is generic over clients can name it
/// in its bounds:
///
/// ```
/// use tower::{BoxError, Layer, Service, ServiceExt};
/// use tower_logentries_auth::{
///     AuthError, LogentriesAuth, LogentriesAuthLayer, RebuildFromBytes,
///     client::{HttpRequest, HttpResponse},
/// };
///
/// /// Sends a request with any client whose bodies can be made of bytes.
/// async fn send<S, Req>(client: S, layer: &LogentriesAuthLayer, request: Req) -> Result<S::Response, AuthError>
/// where
///     S: Service<Req, Response: HttpResponse, Error: Into<BoxError>> + Clone,
///     Req: HttpRequest<Body: From<bytes::Bytes>>,
/// {
///     let client: LogentriesAuth<S, RebuildFromBytes> = layer.layer(client);
///     client.oneshot(request).await
/// }
/// ```
///
/// A function that takes any client that signs, also an optional one, needs no trait of this crate:
///
/// ```
/// use http::{Request, Response};
/// use tower::Service;
/// use tower_logentries_auth::AuthError;
///
/// async fn status<C, B, T>(mut client: C, request: Request<B>) -> Result<http::StatusCode, AuthError>
/// where
///     C: Service<Request<B>, Response = Response<T>, Error = AuthError, Future: Send>,
/// {
///     std::future::poll_fn(|cx| client.poll_ready(cx)).await?;
///     Ok(client.call(request).await?.status())
/// }
/// ```
#[allow(private_bounds)] // which closes its methods too
pub trait HttpRequest: sealed::HttpRequest<<Self as HttpRequest>::Body> {
    /// The type of the request's body.
    type Body: Body<Error: Into<BoxError>>;
}

/// A response to a request: [`http::Response`] and, with feature `reqwest`,
/// [`reqwest::Response`](https://docs.rs/reqwest/0.13/reqwest/struct.Response.html).
///
/// This trait is sealed and has no methods to call. It is public so that code that is generic over clients can name it
/// in its bounds, as [`HttpRequest`] shows.
#[allow(private_bounds)] // which closes its methods too
pub trait HttpResponse: sealed::HttpResponse {}

/// Private traits, so that nobody outside can call their methods, or depend on them:
///
/// ```compile_fail,E0599
/// fn split<Req: tower_logentries_auth::client::HttpRequest>(request: Req) {
///     request.split();
/// }
/// ```
pub(crate) mod sealed {
    use super::*;

    pub(crate) trait HttpRequest<B>: Head + Sized {
        /// What is left when the body is taken out.
        type Head: Head + Send;

        fn body(&self) -> Option<&B>;
        fn split(self) -> (Self::Head, B);
        fn join(head: Self::Head, body: B) -> Self;
    }

    pub(crate) trait HttpResponse {
        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        fn extensions_mut(&mut self) -> &mut Extensions;
        /// Returns whether `origin` sent this response, as far as the response knows.
        fn is_from(&self, _: &Origin<'_>) -> bool {
            true
        }
    }
}

/// The head of a request, whether its body is still in it or was taken out.
pub(crate) trait Head {
    fn method(&self) -> &Method;
    /// Returns the path without its query, in exactly the bytes that are sent.
    fn path(&self) -> &str;
    fn target(&self) -> Target<'_>;
    /// Removes trailing slashes from the path of the target.
    fn trim_path(&mut self);
    fn headers(&self) -> &HeaderMap;
    fn headers_mut(&mut self) -> &mut HeaderMap;

    /// Returns what the request's extensions override, if its type has any.
    fn overrides(&self) -> Overrides {
        Overrides::default()
    }
}

/// What the extensions of one request override.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overrides {
    pub(crate) access: Option<Access>,
    pub(crate) digest: Option<BodyDigest>,
}

impl From<&Extensions> for Overrides {
    fn from(extensions: &Extensions) -> Self {
        Self { access: extensions.get().copied(), digest: extensions.get().copied() }
    }
}

impl<ReqBody: Body<Error: Into<BoxError>>> HttpRequest for Request<ReqBody> {
    type Body = ReqBody;
}

impl<ReqBody> sealed::HttpRequest<ReqBody> for Request<ReqBody> {
    type Head = Request<()>;

    fn body(&self) -> Option<&ReqBody> {
        Some(self.body())
    }

    fn split(self) -> (Request<()>, ReqBody) {
        let (parts, body) = self.into_parts();
        (Request::from_parts(parts, ()), body)
    }

    fn join(head: Request<()>, body: ReqBody) -> Self {
        head.map(|()| body)
    }
}

impl<ReqBody> Head for Request<ReqBody> {
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
        if path != "/" && path.ends_with('/') {
            *self.uri_mut() = trimmed(self.uri());
        }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn overrides(&self) -> Overrides {
        Overrides::from(self.extensions())
    }
}

fn trimmed(uri: &Uri) -> Uri {
    let path = Some(uri.path().trim_end_matches('/')).filter(|path| !path.is_empty()).unwrap_or("/");
    let target = uri.query().map_or(path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().expect("a shorter path of the same characters"));
    Uri::from_parts(parts).expect("the same parts as before")
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
}
