//! Finds the mistake that a signature was made with: no I/O, no clock, no more memory for a longer request.
//!
//! `received` is the request as it arrived, `form` a way to write its canonical string (`date` one to write its date), and
//! `mistake` what each wrong way is called. `search` signs with the `keys` every form that takes no mistake, then one, then
//! two, until one fits.

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

/// Finds the mistake, or the two together, that the signature of a request was made with.
///
/// `request` is the request as it arrived, with its whole body. Returns nothing if the signature is valid, or if no usual
/// mistake would have led to it: then the request was changed on the way, or signed with another key. Signatures of other
/// keys are never explained, so the result tells nothing to anyone without the key.
///
/// At most 1,000 short signatures are computed, and beside the body's digest at most 1 MiB is hashed. Of bodies longer than
/// 512 KiB, those with a newline more or less are not tried; that the body itself was signed together with another mistake
/// is certain to be found up to 8 KiB.
///
/// [`explain_rejections`](crate::LogentriesVerifyLayer::explain_rejections) does this for each request that is rejected.
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

/// Like [`explain`], and finds the mistakes that take the text of the keys too: [`Mistake::HmacSha256`],
/// [`Mistake::KeyBytes`], [`Mistake::KeyIdAsKey`] and [`Mistake::ApiKeyAsKey`].
///
/// `owner_key` is the text of the owner key, and `api_keys` are those of API keys that the client may have signed with.
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

/// Explains a signature that none of the keys made.
pub(super) fn explain_mismatch(
    head: &Parts,
    body: &BufferedBody,
    digest: BodyDigest,
    signature: &Signature,
    keys: &[OwnerKey],
) -> Vec<Mistake> {
    let received = Received::new(&head.method, &head.uri, &head.headers, &head.extensions, (body, digest));
    let keys: Vec<_> = keys.iter().map(SearchKey::owner).collect();
    Search::new(&received, signature.as_bytes(), &keys).run().unwrap_or_default()
}

/// Returns the bytes of a signature, which may be one of another length.
fn signature_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let credential = single_value(headers, &AUTHORIZATION_API_KEY).ok()??.to_str().ok()?;
    STANDARD.decode(credential.split_once(':')?.1).ok()
}
