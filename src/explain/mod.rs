//! Explaining: finds the mistakes behind an invalid signature.
//!
//! [`explain`] requires the owner key. [`explain_with_key_text`] requires the text of the key, and finds more mistakes.

// `way` is one way to write a text, with its mistakes. `parts` lists the ways of each part of the canonical string, with
// `date` and `spelling` for two of them, and `keys` those of the key. `search` combines them.

mod date;
mod keys;
mod mistake;
mod parts;
mod search;
mod spelling;
mod way;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};

use self::keys::SearchKey;
pub use self::mistake::Mistake;
use self::search::search;
use crate::scheme::{AUTHORIZATION_API_KEY, single_value};
use crate::{BodyDigest, OwnerKey, Signature};

/// A request as it arrived.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a Method,
    /// As it was before routers took prefixes off.
    pub(crate) uri: &'a Uri,
    /// The whole path with its leading slash, as `CanonicalRequest` takes it.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) mounts: Vec<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) digest: BodyDigest,
}

/// Finds the common mistake, or the pair of mistakes, with which a client made an invalid signature.
///
/// `request` is the request as it arrived, with its whole body. The result is empty if the signature is valid, or if no
/// common mistake explains it: then the request was changed on the way, or signed with another key. Only signatures made
/// with `key` are explained, so the result reveals nothing to anyone without it.
///
/// The search is bounded: it feeds at most 512 KiB to HMACs, which suffices for all combinations of two mistakes in a
/// usual request. Three things are not tried: to re-encode a path that has more than 4 KiB with its query, to spell the
/// charset of a Content-Type over 4 KiB in other ways, and to put a host over 1 KiB before a path. In bodies over 64
/// KiB, the search looks for neither [`Mistake::BodyNotHashedRaw`] nor [`Mistake::BodyNewline`]. It finds the former
/// together with another mistake in bodies of up to 4 KiB, and in some longer ones.
///
/// [`explain_rejections`](crate::LogentriesVerifyLayer::explain_rejections) explains the signatures that a layer rejects.
///
/// ```
/// use bytes::Bytes;
/// use http::{Method, Request};
/// use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey, explain::{Mistake, explain}};
///
/// let key = OwnerKey::new("key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?;
/// let date = "Thu, 17 Aug 2017 20:16:24 GMT";
///
/// // Signs the digest of an empty body, and sends another one.
/// let canonical = CanonicalRequest::new(&Method::POST, "/management/accounts/7", None, date, BodyDigest::EMPTY);
/// let request = Request::post("/management/accounts/7")
///     .header("date", date)
///     .header("authorization-api-key", format!("key-id:{}", key.sign(&canonical)))
///     .body(Bytes::from("{}"))?;
///
/// assert_eq!(explain(&request, &key), [Mistake::BodyNotHashed]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(request: &Request<Bytes>, key: &OwnerKey) -> Vec<Mistake> {
    explain_with_keys(request, &[SearchKey::owner(key)])
}

/// Like [`explain`], but also finds the mistakes that require the text of the keys: [`Mistake::HmacSha256`],
/// [`Mistake::KeyBytes`], [`Mistake::KeyIdAsKey`], [`Mistake::ApiKeyAsKey`] and [`Mistake::KeyLineEnd`].
///
/// `owner_key` is the text of the owner key. A line end after it is ignored. `api_keys` are the API keys that the client may
/// have used instead.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Method, Request};
/// # use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey};
/// # use tower_logentries_auth::explain::{Mistake, explain_with_key_text};
/// let date = "Thu, 17 Aug 2017 20:16:24 GMT";
/// let canonical = CanonicalRequest::new(&Method::GET, "/management/accounts/7", None, date, BodyDigest::EMPTY);
/// let wrong_key = OwnerKey::new("key-id", "read-only-key")?;
/// let request = Request::get("/management/accounts/7")
///     .header("date", date)
///     .header("authorization-api-key", format!("key-id:{}", wrong_key.sign(&canonical)))
///     .body(Bytes::new())?;
///
/// let mistakes = explain_with_key_text(&request, "key-id", "owner-key", &["read/write-key", "read-only-key"]);
/// assert_eq!(mistakes, [Mistake::ApiKeyAsKey]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain_with_key_text(
    request: &Request<Bytes>,
    owner_key_id: &str,
    owner_key: &str,
    api_keys: &[&str],
) -> Vec<Mistake> {
    explain_with_keys(request, &SearchKey::all(owner_key_id, owner_key, api_keys))
}

fn explain_with_keys(request: &Request<Bytes>, keys: &[SearchKey]) -> Vec<Mistake> {
    let received = Received {
        method: request.method(),
        uri: request.uri(),
        path: request.uri().path(),
        headers: request.headers(),
        mounts: Vec::new(),
        body: request.body(),
        digest: BodyDigest::of(request.body()),
    };
    let credential = single_value(request.headers(), AUTHORIZATION_API_KEY).ok().flatten();
    let signature = credential.and_then(|credential| credential.to_str().ok()?.split_once(':'));
    // An HMAC-SHA256 has more bytes than a `Signature`.
    let signature = signature.and_then(|(_, signature)| STANDARD.decode(signature).ok());
    signature.and_then(|signature| search(&received, &signature, keys)).unwrap_or_default()
}

/// Explains a signature, which one of these keys should have made. The result is empty if one did.
pub(crate) fn explain_signature(received: &Received<'_>, signature: &Signature, keys: &[OwnerKey]) -> Vec<Mistake> {
    let keys: Vec<_> = keys.iter().map(SearchKey::owner).collect();
    search(received, &signature.bytes, &keys).unwrap_or_default()
}
