//! What each refusal says.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use axum::body::Body;
use http::{Request, request};
use tower_logentries_auth::{Access, AuthError, Credentials, LogentriesAuthLayer};

use crate::support::{
    READ_ONLY_KEY, USERS, assert_no_secrets,
    bodies::{Act, Scripted, trailers},
    inner::{VENDOR, pass},
    layer, whole_error,
};

/// What is said of a request that is refused.
struct Refusal {
    layer: LogentriesAuthLayer,
    request: Request<Body>,
    message: &'static str,
}

/// This is said of a request with this head, that is to be signed for the vendor but for what the head changes.
fn says(message: &'static str, head: impl FnOnce(request::Builder) -> request::Builder) -> Refusal {
    let request = head(Request::post(format!("{VENDOR}{USERS}"))).body(Body::empty()).unwrap();
    Refusal { layer: layer().body_limit(8), request, message }
}

impl Refusal {
    fn of_body(self, body: Scripted) -> Self {
        Self { request: self.request.map(|_| Body::new(body)), ..self }
    }

    fn under(self, layer: impl FnOnce(LogentriesAuthLayer) -> LogentriesAuthLayer) -> Self {
        Self { layer: layer(self.layer), ..self }
    }
}

fn refused_for_where_they_go() -> [Refusal; 5] {
    [
        says(
            "refusing to send credentials to http://example.com:8080: it is not a trusted origin \
             (see `LogentriesAuthLayer::trust_origin`)",
            |head| head.uri("http://example.com:8080/"),
        ),
        says(
            "refusing to send credentials to an ambiguous authority: use http or https, a host and a port, and no userinfo",
            |head| head.uri("https://user@rest.logentries.com/"),
        ),
        says(
            "the URI has no authority: use an absolute URI, or set where such requests go with `LogentriesAuthLayer::assume_origin`",
            |head| head.uri("/"),
        ),
        says(
            "the Host header names another authority than https://rest.logentries.com: \
             remove it, or make it match the URI",
            |head| head.header("host", "example.com"),
        ),
        says("no configured key grants owner access, which this resource requires: add one, or override the table with an `Access` in the request's extensions, or with `LogentriesAuthLayer::access`", |head| head)
            .under(|_| LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap())),
    ]
}

fn refused_for_what_can_not_be_signed() -> [Refusal; 5] {
    [
        says("a request with method PURGE cannot be signed: use a registered method such as POST", |head| {
            head.method("PURGE")
        }),
        says("a request without a path cannot be signed: use a target that starts with '/'", |head| {
            head.method("OPTIONS").uri("*").extension(Access::Owner)
        })
        .under(|layer| layer.assume_origin(VENDOR).unwrap()),
        says("a request with more than one Content-Type header cannot be signed: send one", |head| {
            head.header("content-type", "text/plain").header("content-type", "text/plain")
        }),
        says("the Content-Type cannot be signed: use visible ASCII without blanks at its ends, or send none", |head| {
            head.header("content-type", "text/plain; charset=ü")
        }),
        says("the clock is outside the years 1970 to 9999, which no Date header can express: set it", |head| head)
            .under(|layer| layer.clock(|| SystemTime::UNIX_EPOCH - Duration::from_secs(1))),
    ]
}

fn refused_for_their_bodies() -> [Refusal; 3] {
    [
        says(
            "the body is longer than the 8 bytes that are buffered to be signed: \
             raise `body_limit`, or add a `BodyDigest` to the request's extensions so that the body streams",
            |head| head,
        )
        .of_body(Scripted::new([Act::Data(b"a body"), Act::Data(b" too long")])),
        says("the body had 6 bytes, which contradicts its size hint: nothing was sent", |head| head)
            .of_body(Scripted::new([Act::Data(b"a body")]).claiming(7)),
        says(
            "the body has trailers, which its type cannot carry: keep them with `rebuild_body`, or send none",
            |head| head,
        )
        .of_body(Scripted::new([Act::Data(b"a body"), Act::Trailers(trailers())]))
        .under(|layer| layer.body_limit(64)),
    ]
}

#[tokio::test]
async fn error_texts() {
    let refusals = refused_for_where_they_go().into_iter();
    for Refusal { layer, request, message } in
        refusals.chain(refused_for_what_can_not_be_signed()).chain(refused_for_their_bodies())
    {
        let error = pass(&layer, request).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.source().is_none(), "{error:?}");
        assert_no_secrets(&whole_error(&error));
    }
}

#[tokio::test]
async fn body_error_is_the_root_cause() {
    let broken = Scripted::new([Act::Data(b"half"), Act::Fail("the disk is gone")]);
    let Refusal { layer, request, message } =
        says("failed to read the request body that has to be signed", |head| head).of_body(broken);
    let error = pass(&layer, request).await.unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(root_cause(&error).downcast_ref::<io::Error>().unwrap().to_string(), "the disk is gone");
    assert!(matches!(error, AuthError::ReadBody { .. }));
}

/// The innermost cause: `axum::body::Body` wraps that of the body in it.
fn root_cause(error: &dyn Error) -> &(dyn Error + 'static) {
    let mut cause = error.source().unwrap();
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}
