//! Which error a request fails with, if it is not sent.

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
    inner::{RAPID7, pass},
    layer, whole_error,
};

/// A request that fails, and whether an error is the one that it fails with.
struct Failure {
    layer: LogentriesAuthLayer,
    request: Request<Body>,
    is_expected: fn(&AuthError) -> bool,
}

/// A pattern of an error.
macro_rules! error {
    ($pattern:pat $(if $guard:expr)?) => {
        |error: &AuthError| {
            use AuthError::*;
            matches!(error, $pattern $(if $guard)?)
        }
    };
}

/// A request with this head fails. It would be signed for Rapid7 but for what the head changes.
fn fails(is_expected: fn(&AuthError) -> bool, head: impl FnOnce(request::Builder) -> request::Builder) -> Failure {
    let request = head(Request::post(format!("{RAPID7}{USERS}"))).body(Body::empty()).unwrap();
    Failure { layer: layer().body_limit(8), request, is_expected }
}

impl Failure {
    fn of_body(self, body: Scripted) -> Self {
        Self { request: self.request.map(|_| Body::new(body)), ..self }
    }

    fn with_layer(self, layer: impl FnOnce(LogentriesAuthLayer) -> LogentriesAuthLayer) -> Self {
        Self { layer: layer(self.layer), ..self }
    }
}

fn failures_of_the_destination() -> Vec<Failure> {
    vec![
        fails(error!(UntrustedOrigin { origin, .. } if origin == "http://example.com:8080"), |head| {
            head.uri("http://example.com:8080/")
        }),
        fails(error!(InsecureOrigin { origin, .. } if origin == "http://rest.logentries.com"), |head| {
            head.uri("http://rest.logentries.com/")
        }),
        fails(error!(InvalidAuthority), |head| head.uri("https://user@rest.logentries.com/")),
        fails(error!(MissingAuthority), |head| head.uri("/")),
        fails(error!(HostMismatch { origin, .. } if origin == RAPID7), |head| head.header("host", "example.com")),
        fails(error!(InsufficientAccess { required: Access::Owner, .. }), |head| head)
            .with_layer(|_| LogentriesAuthLayer::new(Credentials::read_only(READ_ONLY_KEY).unwrap())),
    ]
}

fn failures_of_the_head() -> Vec<Failure> {
    vec![
        fails(error!(UnsupportedMethod { method, .. } if method == "PURGE"), |head| head.method("PURGE")),
        fails(error!(MissingPath), |head| head.method("OPTIONS").uri("*").extension(Access::Owner))
            .with_layer(|layer| layer.assume_origin(RAPID7).unwrap()),
        fails(error!(DuplicateContentType), |head| {
            head.header("content-type", "text/plain").header("content-type", "text/plain")
        }),
        fails(error!(InvalidContentType), |head| head.header("content-type", "text/plain; charset=ü")),
        fails(error!(ClockOutOfRange), |head| head)
            .with_layer(|layer| layer.clock(|| SystemTime::UNIX_EPOCH - Duration::from_secs(1))),
    ]
}

fn failures_of_the_body() -> Vec<Failure> {
    vec![
        fails(error!(BodyTooLarge { limit: 8, .. }), |head| head)
            .of_body(Scripted::new([Act::Data(b"a body"), Act::Data(b" too long")])),
        fails(error!(BodyLengthMismatch { read: 6, .. }), |head| head)
            .of_body(Scripted::new([Act::Data(b"a body")]).claiming(7)),
        fails(error!(UnsupportedTrailers), |head| head)
            .of_body(Scripted::new([Act::Data(b"a body"), Act::Trailers(trailers())]))
            .with_layer(|layer| layer.body_limit(256)),
    ]
}

#[tokio::test]
async fn error_of_each_failure() {
    let failures = [failures_of_the_destination(), failures_of_the_head(), failures_of_the_body()];
    for Failure { layer, request, is_expected } in failures.into_iter().flatten() {
        let error = pass(&layer, request).await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert!(error.source().is_none(), "{error:?}");
        assert_no_secrets(&whole_error(&error));
    }
}

#[tokio::test]
async fn body_error_is_the_root_cause() {
    let broken = Body::new(Scripted::new([Act::Data(b"half"), Act::Fail("the disk is gone")]));
    let request = Request::post(format!("{RAPID7}{USERS}")).body(broken).unwrap();
    let error = pass(&layer(), request).await.unwrap_err();
    assert!(matches!(error, AuthError::ReadBody { .. }), "{error:?}");
    assert_eq!(root_cause(&error).downcast_ref::<io::Error>().unwrap().to_string(), "the disk is gone");
}

/// The innermost cause: `axum::body::Body` wraps that of the body in it.
fn root_cause(error: &dyn Error) -> &(dyn Error + 'static) {
    let mut cause = error.source().unwrap();
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}
