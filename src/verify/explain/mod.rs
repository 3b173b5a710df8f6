//! Finds the mistakes behind an invalid signature. There is no I/O and no clock, and a longer request takes no more memory.
//!
//! A `form` is a way to write the canonical string of the request that was `received`, and each `mistake` changes it in one
//! way. The `search` tries all forms with each of the `keys`: the correct one, then those with one mistake, then with two.
//! `date`, `hashes` and `text` write the parts of a form.

mod date;
mod form;
mod hashes;
mod keys;
mod mistake;
mod received;
mod search;
mod text;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, request::Parts};

pub use self::mistake::Mistake;
use self::{keys::SearchKey, received::Received, search::Search};
use crate::{
    BodyDigest, BufferedBody, OwnerKey, Signature,
    headers::{AUTHORIZATION_API_KEY, single_value},
};

/// Finds the common mistake, or the pair of mistakes, with which a client made an invalid signature.
///
/// `request` is the request as it arrived, with its whole body. The result is empty if the signature is valid, or if no
/// common mistake explains it: then the request was changed on the way, or signed with another key. Only signatures made
/// with `key` are explained, so the result reveals nothing to anyone without it.
///
/// The search is bounded. It computes at most 1,000 signatures, and hashes at most 512 KiB in addition to the body's digest.
/// [`Mistake::BodyNewline`] is searched for in bodies of up to 256 KiB. [`Mistake::BodyNotHashedRaw`] together with another
/// mistake is found in bodies of up to 8 KiB, and in some longer ones.
///
/// [`explain_rejections`](crate::LogentriesVerifyLayer::explain_rejections) explains the signatures that a layer rejects.
///
/// ```
/// use bytes::Bytes;
/// use http::{Method, Request};
/// use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey, verify::{Mistake, explain}};
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
/// [`Mistake::KeyBytes`], [`Mistake::KeyIdAsKey`] and [`Mistake::ApiKeyAsKey`].
///
/// `owner_key` is the text of the owner key. `api_keys` are the API keys that the client may have used instead.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Method, Request};
/// # use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey, verify::{Mistake, explain_with_key_text}};
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
    let Some(signature) = signature_of(request.headers()) else { return Vec::new() };
    let body = BufferedBody::of_chunk(request.body().clone());
    let received = Received::new(
        request.method(),
        request.uri(),
        request.headers(),
        request.extensions(),
        (&body, BodyDigest::of(request.body())),
    );
    Search::new(&received, &signature, keys).run().unwrap_or_default()
}

/// Explains a signature that is not valid for any of these keys.
pub(super) fn explain_mismatch<'a>(
    head: &Parts,
    body: &BufferedBody,
    digest: BodyDigest,
    signature: &Signature,
    keys: impl Iterator<Item = &'a OwnerKey>,
) -> Vec<Mistake> {
    let received = Received::new(&head.method, &head.uri, &head.headers, &head.extensions, (body, digest));
    let keys: Vec<_> = keys.map(SearchKey::owner).collect();
    Search::new(&received, signature.as_bytes(), &keys).run().unwrap_or_default()
}

/// Returns the bytes of the signature. An HMAC-SHA256 has more than 20.
fn signature_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let credential = single_value(headers, &AUTHORIZATION_API_KEY).ok()??.to_str().ok()?;
    STANDARD.decode(credential.split_once(':')?.1).ok()
}
