//! What the tests of the verifying layer share: requests signed by [`wire`], and a service that shows what reached it.

use std::{
    convert::Infallible,
    future::ready,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    Access, ApiKeyDigest, Credentials, Identity, KeyStore, LogentriesVerifyLayer, OwnerKey, Rejection,
    server::{Malformed, PresentedKey, Reason, StoredApiKey, key_store_fn},
};

use super::{KEY_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, USERS, at, credentials, wire};

/// The date of [`SIGNED_AT`].
pub(crate) const DATE: &str = "Thu, 17 Aug 2017 20:16:24 GMT";

/// All methods that can be signed.
pub(crate) const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// A request to be signed. Tests change one field of [`TestRequest::LIST`] or [`TestRequest::CREATE`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    /// Empty for none.
    pub(crate) content_type: &'a str,
    pub(crate) date: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) key_id: &'a str,
    pub(crate) key: &'a str,
}

impl TestRequest<'_> {
    /// Lists the users of an account.
    pub(crate) const LIST: TestRequest<'static> = TestRequest {
        method: "GET",
        target: USERS,
        content_type: "application/json",
        date: DATE,
        body: b"",
        key_id: KEY_ID,
        key: OWNER_KEY,
    };
    /// Adds one.
    pub(crate) const CREATE: TestRequest<'static> =
        TestRequest { method: "POST", body: br#"{"user":{"email":"john@smyth.com"}}"#, ..TestRequest::LIST };

    /// The value of `authorization-api-key`, as the wire rules say.
    pub(crate) fn credential(&self) -> String {
        let Self { method, target, content_type, date, body, key_id, key } = self;
        format!("{key_id}:{}", wire::signature(key, method, content_type, date, target, body))
    }

    /// The request, signed.
    pub(crate) fn request(&self) -> Request<Body> {
        self.carrying(self.credential()).unwrap()
    }

    /// The request, signed, for the server at `origin`.
    pub(crate) fn request_to(&self, origin: &str) -> Request<Body> {
        let target = format!("{origin}{}", self.target);
        TestRequest { target: &target, ..*self }.carrying(self.credential()).unwrap()
    }

    /// The request under a credential that was made for another one; an error where it can't be written at all.
    pub(crate) fn carrying(&self, credential: impl AsRef<[u8]>) -> http::Result<Request<Body>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.target)
            .header("date", self.date)
            .header("authorization-api-key", credential.as_ref());
        if !self.content_type.is_empty() {
            request = request.header("content-type", self.content_type);
        }
        request.body(Body::from(self.body.to_vec()))
    }
}

/// A request with an API key and no body.
pub(crate) fn with_api_key(method: &str, target: &str, key: &str) -> Request<Body> {
    Request::builder().method(method).uri(target).header("x-api-key", key).body(Body::empty()).unwrap()
}

/// A verifying layer with all three keys, whose clock stands at [`SIGNED_AT`].
pub(crate) fn verifier() -> LogentriesVerifyLayer<Credentials> {
    verifier_with(credentials())
}

/// A verifying layer with these keys, whose clock stands at [`SIGNED_AT`].
pub(crate) fn verifier_with<K>(keys: K) -> LogentriesVerifyLayer<K> {
    LogentriesVerifyLayer::new(keys).clock(at(SIGNED_AT))
}

/// A store that can be shared by the tasks of a server.
pub(crate) trait SharedStore: KeyStore<OwnerKeys: Send, ApiKey: Send> + Clone + Send + Sync + 'static {}

impl<K: KeyStore<OwnerKeys: Send, ApiKey: Send> + Clone + Send + Sync + 'static> SharedStore for K {}

/// A store that has these keys, whatever is presented.
pub(crate) fn always(
    owner_keys: impl IntoIterator<Item = OwnerKey>,
    api_key: Option<StoredApiKey>,
) -> impl SharedStore {
    let stored = (Vec::from_iter(owner_keys), api_key);
    key_store_fn(
        stored,
        |(owner_keys, _), _: Arc<str>| ready(Ok::<_, Infallible>(owner_keys)),
        |(_, api_key), _: ApiKeyDigest| ready(Ok(api_key)),
    )
}

/// A store with all three keys that tells what it is asked for.
pub(crate) fn telling<F: Fn(PresentedKey) + Clone + Send + Sync + 'static>(tell: F) -> impl SharedStore {
    key_store_fn(
        tell,
        |tell: F, id: Arc<str>| {
            tell(PresentedKey::OwnerKeyId(Arc::clone(&id)));
            credentials().owner_keys(id)
        },
        |tell: F, digest| {
            tell(PresentedKey::ApiKey(digest));
            credentials().api_key(digest)
        },
    )
}

/// A store whose database is gone.
pub(crate) fn failing(message: &'static str) -> impl SharedStore {
    key_store_fn(
        message,
        |message, _: Arc<str>| ready(Err::<Vec<OwnerKey>, _>(io::Error::other(message))),
        |message, _: ApiKeyDigest| ready(Err(io::Error::other(message))),
    )
}

/// Whom the layer takes the sender of this request for.
pub(crate) async fn identity<K: KeyStore + Clone>(
    layer: &LogentriesVerifyLayer<K>,
    request: Request<Body>,
) -> Result<Identity, Rejection> {
    present(layer, request).await.map(|request| request.extensions().get().cloned().unwrap())
}

/// What a layer with [`credentials`] requires of an API key for a resource, or that it is malformed.
pub(crate) async fn required(
    layer: &LogentriesVerifyLayer<Credentials>,
    method: &str,
    target: &str,
) -> Result<Access, Malformed> {
    for (key, access) in [(READ_ONLY_KEY, Access::ReadOnly), (READ_WRITE_KEY, Access::ReadWrite)] {
        match present(layer, with_api_key(method, target, key)).await {
            Ok(_) => return Ok(access),
            Err(rejection) => match rejection.reason() {
                Reason::Forbidden { required, .. } => assert!(*required > access, "{method} {target}"),
                Reason::Malformed(malformed) => return Err(*malformed),
                reason => panic!("{method} {target}: {reason:?}"),
            },
        }
    }
    Ok(Access::Owner)
}

/// The request as the service behind `layer` got it, or why it did not.
pub(crate) async fn present<K: KeyStore + Clone>(
    layer: &LogentriesVerifyLayer<K>,
    request: Request<Body>,
) -> Result<Request<Bytes>, Rejection> {
    let response = layer.layer(service_fn(mirror)).oneshot(request).await.unwrap();
    let (mut head, body) = response.into_parts();
    match head.extensions.remove::<Rejection>() {
        Some(rejection) => Err(rejection),
        None => {
            let request = head.extensions.remove::<Parts>().unwrap();
            Ok(Request::from_parts(request, body.collect().await.unwrap().to_bytes()))
        }
    }
}

/// Answers with the body of the request, and its head in the extensions.
pub(crate) async fn mirror(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(body);
    response.extensions_mut().insert(head);
    Ok(response)
}

/// A body that must not be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PanicOnPoll {
    pub(crate) claimed: u64,
}

impl http_body::Body for PanicOnPoll {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.claimed);
        hint
    }
}
