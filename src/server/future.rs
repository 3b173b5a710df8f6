//! The response future: looks up the key, reads and verifies the body, and calls the inner service. If the request is
//! rejected, it drains the rest of the body first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::drain::Drain;
use super::presented::{PresentedApiKey, PresentedSignature};
use super::verifier::{Accepted, Verifier, attach_identity};
use super::{Identity, KeyStore, Reason, Rejection, ResponseBody, StoredApiKey};
use crate::body::{BodyError, Collect};
use crate::{BodyDigest, BoxError, BufferedBody, OwnerKey, RebuildBody, trace};

pin_project! {
    /// The response future of [`LogentriesVerify`](super::LogentriesVerify).
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it has completed, unless the inner service's future allows that.
    pub struct ResponseFuture<S: Service<Request<ReqBody>>, K: KeyStore, R, ReqBody> {
        #[pin]
        pub(super) state: State<S, K, ReqBody>,
        pub(super) verifier: Arc<Verifier>,
        pub(super) rebuild: R,
        pub(super) is_head: bool,
    }
}

pin_project! {
    #[project = StateProj]
    pub(super) enum State<S: Service<Request<ReqBody>>, K: KeyStore, ReqBody> {
        ApiKey { #[pin] lookup: K::ApiKey, waiting: Option<Waiting<S, ReqBody, PresentedApiKey>> },
        OwnerKeys { #[pin] lookup: K::OwnerKeys, waiting: Option<Waiting<S, ReqBody, PresentedSignature>> },
        Reading { #[pin] body: Collect<ReqBody>, unread: Option<Unread<S>>, ending: Option<Ending> },
        Draining { #[pin] body: ReqBody, ending: Option<Ending> },
        Called { #[pin] future: S::Future, identity: Option<Identity> },
        Rejected { rejection: Option<Rejection> },
    }
}

/// What waits for a key: the request, what it presented, and the service that is ready for it.
pub(super) struct Waiting<S, ReqBody, P> {
    pub(super) service: S,
    pub(super) request: Request<ReqBody>,
    pub(super) presented: P,
}

/// What waits for the body of a request.
pub(super) struct Unread<S> {
    service: S,
    head: Parts,
    presented: PresentedSignature,
    keys: Vec<OwnerKey>,
}

/// The end of a rejected request: its response, once the rest of its body was drained.
pub(super) struct Ending {
    drain: Option<Drain>,
    rejection: Rejection,
}

impl<S, K, R, ReqBody, ResBody> Future for ResponseFuture<S, K, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    K: KeyStore,
    R: RebuildBody<ReqBody>,
    ReqBody: Body<Error: Into<BoxError>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::ApiKey { lookup, waiting } => {
                    let stored = ready!(lookup.poll(cx));
                    take(waiting).check(this.verifier, stored)
                }
                StateProj::OwnerKeys { lookup, waiting } => {
                    let stored = ready!(lookup.poll(cx));
                    take(waiting).check(this.verifier, stored)
                }
                StateProj::Reading { body, ending: ending @ Some(_), .. } => ready!(end(body.into_rest(), ending, cx)),
                StateProj::Reading { mut body, unread, ending } => match ready!(body.as_mut().poll(cx)) {
                    Ok(collected) => take(unread).verify(this.verifier, this.rebuild, collected),
                    Err(error) => {
                        *ending = Some(take(unread).reject(this.verifier, error, body));
                        continue;
                    }
                },
                StateProj::Draining { body, ending } => ready!(end(body, ending, cx)),
                StateProj::Called { future, identity } => {
                    return future.poll(cx).map_ok(|response| accepted_response(response, identity));
                }
                StateProj::Rejected { rejection } => {
                    let (rejection, now) = (take(rejection), this.verifier.clock.now());
                    let details = this.verifier.details(&rejection);
                    return Poll::Ready(Ok(rejection.into_response(&details, now, *this.is_head)));
                }
            };
            this.state.set(next);
        }
    }
}

fn take<T>(state: &mut Option<T>) -> T {
    state.take().expect("polled after completion")
}

/// Drains the rest of a body.
fn end<S: Service<Request<ReqBody>>, K: KeyStore, ReqBody>(
    body: Pin<&mut impl Body>,
    ending: &mut Option<Ending>,
    cx: &mut Context<'_>,
) -> Poll<State<S, K, ReqBody>> {
    if let Some(Ending { drain: Some(drain), .. }) = ending {
        ready!(drain.poll(body, cx));
    }
    Poll::Ready(State::Rejected { rejection: Some(take(ending).rejection) })
}

fn accepted_response<ResBody>(
    mut response: Response<ResBody>,
    identity: &mut Option<Identity>,
) -> Response<ResponseBody<ResBody>> {
    if let Some(identity) = identity.take() {
        response.extensions_mut().insert(identity);
    }
    response.map(ResponseBody::inner)
}

impl<S: Service<Request<ReqBody>>, ReqBody: Body> Waiting<S, ReqBody, PresentedApiKey> {
    fn check<K: KeyStore>(
        self,
        verifier: &Verifier,
        stored: Result<Option<StoredApiKey>, K::Error>,
    ) -> State<S, K, ReqBody> {
        let Self { service, request, presented } = self;
        let checked = match stored {
            Ok(stored) => presented.check_access(stored),
            Err(error) => Err(Rejection::of_key(presented.key, Reason::key_store_unavailable(error))),
        };
        match checked {
            Ok(accepted) => State::called(service, request, accepted),
            Err(rejection) => State::rejected(verifier, request, rejection),
        }
    }
}

impl<S: Service<Request<ReqBody>>, ReqBody: Body> Waiting<S, ReqBody, PresentedSignature> {
    fn check<K: KeyStore>(self, verifier: &Verifier, stored: Result<Vec<OwnerKey>, K::Error>) -> State<S, K, ReqBody> {
        let Self { service, request, presented } = self;
        let reason = match stored {
            Ok(mut keys) => {
                keys.retain(|key| key.id() == &*presented.id);
                if !keys.is_empty() {
                    let (head, body) = request.into_parts();
                    let body = Collect::new(body, verifier.body_limit);
                    let unread = Some(Unread { service, head, presented, keys });
                    return State::Reading { body, unread, ending: None };
                }
                Reason::UnknownKey
            }
            Err(error) => Reason::key_store_unavailable(error),
        };
        State::rejected(verifier, request, Rejection::of_key(presented.key, reason))
    }
}

impl<S> Unread<S> {
    fn verify<K: KeyStore, ReqBody>(
        self,
        verifier: &Verifier,
        rebuild_body: &impl RebuildBody<ReqBody>,
        (body, digest): (BufferedBody, BodyDigest),
    ) -> State<S, K, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        let Self { service, head, presented, keys } = self;
        let key = presented.key.clone();
        // User code never sees a body that was not verified.
        let verified = verifier.verify_signature(presented, &keys, &head, &body, digest).and_then(|accepted| {
            let body = rebuild_body.rebuild(body).map_err(|error| Rejection::of_key(key, error.into()))?;
            Ok((body, accepted))
        });
        match verified {
            Ok((body, accepted)) => State::called(service, Request::from_parts(head, body), accepted),
            Err(rejection) => {
                log(&head, &rejection);
                State::Rejected { rejection: Some(rejection) }
            }
        }
    }

    /// Rejects a request whose body could not be read.
    fn reject<ReqBody: Body>(self, verifier: &Verifier, error: BodyError, body: Pin<&mut Collect<ReqBody>>) -> Ending {
        // After any other error there is nothing more to read.
        let is_too_large = matches!(error, BodyError::TooLarge { .. });
        let rejection = Rejection::of_key(self.presented.key, error.into());
        log(&self.head, &rejection);
        let is_unread = body.is_refused();
        let drain =
            Drain::start(&self.head, &*body.into_rest(), is_unread, verifier.drain_limits).filter(|_| is_too_large);
        Ending { drain, rejection }
    }
}

impl<S: Service<Request<ReqBody>>, K: KeyStore, ReqBody> State<S, K, ReqBody> {
    fn called(mut service: S, mut request: Request<ReqBody>, accepted: Accepted) -> Self {
        let identity = accepted.identity.clone();
        identity.log(request.method(), request.uri().path());
        attach_identity(&mut request, accepted);
        Self::Called { future: service.call(request), identity: Some(identity) }
    }

    /// Rejects a request whose body was not read at all.
    pub(super) fn rejected(verifier: &Verifier, request: Request<ReqBody>, rejection: Rejection) -> Self
    where
        ReqBody: Body,
    {
        let (head, body) = request.into_parts();
        log(&head, &rejection);
        let drain = Drain::start(&head, &body, true, verifier.drain_limits);
        Self::Draining { body, ending: Some(Ending { drain, rejection }) }
    }
}

fn log(head: &Parts, rejection: &Rejection) {
    let request = rejection.event(&head.method, head.uri.path());
    match rejection.reason() {
        Reason::InvalidSignature(mismatch) => mismatch.log(&request),
        _ => trace::rejected(&request, None, None, None),
    }
}

crate::text::opaque_debug!(ResponseFuture<S: Service<Request<ReqBody>>, K: KeyStore, R, ReqBody>);
