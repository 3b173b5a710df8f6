//! The replay layer, a file a guarantee or setter.

mod concurrent_copies;
mod first_use;
mod memory_guard;
mod safe_methods;
mod secrets;
mod unavailable_guards;
mod without_signature;

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    Credentials, LogentriesVerifyLayer, Rejection,
    replay::{RejectReplaysLayer, ReplayGuard},
};

use crate::support::{clock::ManualClock, credentials};

/// What came of a request: the rejection, or `None` if the inner service answered.
type Outcome = Option<&'static str>;

/// A verifying layer with this clock, and the replay layer inside it.
fn send<G: ReplayGuard + Clone>(
    replays: &RejectReplaysLayer<G>,
    clock: &ManualClock,
    request: Request<Body>,
) -> impl Future<Output = Response<Body>> + use<G> {
    send_through(verifier_of(clock), replays, request)
}

/// The same, with this verifying layer.
fn send_through<G: ReplayGuard + Clone>(
    verifier: LogentriesVerifyLayer<Credentials>,
    replays: &RejectReplaysLayer<G>,
    request: Request<Body>,
) -> impl Future<Output = Response<Body>> + use<G> {
    let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("from inside"))));
    let service = verifier.layer(replays.layer(inner));
    async move { service.oneshot(request).await.unwrap().map(Body::new) }
}

fn verifier_of(clock: &ManualClock) -> LogentriesVerifyLayer<Credentials> {
    LogentriesVerifyLayer::new(credentials()).clock(clock.reading())
}

/// The label of a rejection. It has to agree with the response, and what passed with the inner service's.
async fn outcome(response: Response<Body>) -> Outcome {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    match head.extensions.get::<Rejection>() {
        Some(rejection) => {
            assert_eq!(head.status, rejection.status());
            assert_ne!(body, "from inside");
            Some(rejection.kind())
        }
        None => {
            assert_eq!((head.status.as_u16(), &body[..]), (200, &b"from inside"[..]));
            None
        }
    }
}
