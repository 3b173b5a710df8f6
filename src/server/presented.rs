//! What is checked before a key is looked up: the form of a request and of its credentials, its date, and the access that
//! its resource requires.
//!
//! The canonical string has no separators. These checks ensure that it can be split in only one way.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request};

use super::path::{is_end_of, is_visible, whole_path};
use super::verifier::Verifier;
use super::{Malformed, PresentedKey, Reason, Rejection};
use crate::scheme::{AUTHORIZATION_API_KEY, DuplicateHeader, X_API_KEY, date_of, is_signable, single_value};
use crate::{Access, ApiKeyDigest, Signature};

/// The credentials of a well-formed request.
pub(super) enum Presented {
    ApiKey(PresentedApiKey),
    Signature(PresentedSignature),
}

/// An API key, and the access that the resource requires.
pub(super) struct PresentedApiKey {
    pub(super) digest: ApiKeyDigest,
    pub(super) required: Access,
}

/// A signature, the id of the owner key that is said to have made it, and the date of the request in seconds since 1970.
pub(super) struct PresentedSignature {
    pub(super) id: Arc<str>,
    pub(super) signature: Signature,
    pub(super) date: u64,
}

impl Presented {
    /// Parses the credentials, and rejects whatever another reader could parse differently.
    pub(super) fn parse<ReqBody>(verifier: &Verifier, request: &Request<ReqBody>) -> Result<Self, Rejection> {
        let (method, headers) = (request.method(), request.headers());
        let whole = whole_path(&verifier.stripped_prefix, request.uri(), request.extensions());
        let duplicate = |DuplicateHeader| Malformed::DuplicateCredentials;
        let api_key = single_value(headers, X_API_KEY).map_err(duplicate)?;
        let credential = single_value(headers, AUTHORIZATION_API_KEY).map_err(duplicate)?;
        match (api_key, credential) {
            (None, None) => Err(Reason::MissingCredentials.into()),
            (Some(_), Some(_)) => Err(Malformed::DuplicateCredentials.into()),
            _ if !is_end_of(&whole, request.uri().path()) => Err(Malformed::Path.into()),
            (Some(key), None) => {
                let digest = ApiKeyDigest::of(key);
                let required = required_access(verifier, method, &whole);
                let required = required.map_err(|reason| Rejection::of_key(PresentedKey::ApiKey(digest), reason))?;
                Ok(Self::ApiKey(PresentedApiKey { digest, required }))
            }
            (None, Some(credential)) => {
                let (id, signature) = split_credential(credential.as_bytes()).ok_or(Malformed::Credentials)?;
                let date = check_signable(verifier, method, &whole, headers);
                let date = date.map_err(|reason| Rejection::of_key(PresentedKey::OwnerKeyId(id.into()), reason))?;
                Ok(Self::Signature(PresentedSignature { id: id.into(), signature, date }))
            }
        }
    }
}

impl PresentedSignature {
    pub(super) fn reject(&self, reason: Reason) -> Rejection {
        Rejection::of_key(PresentedKey::OwnerKeyId(Arc::clone(&self.id)), reason)
    }
}

/// Returns the access that a resource requires of an API key. A path that is not visible ASCII is not one of the API's
/// resources: only a rule can name it.
fn required_access(verifier: &Verifier, method: &Method, whole: &str) -> Result<Access, Reason> {
    let is_visible = is_visible(whole).ok_or(Malformed::Path)?;
    match verifier.access.named(method, whole) {
        Some(access) => Ok(access),
        None if is_visible => Ok(verifier.access.documented(method, whole)),
        None => Err(Malformed::Path.into()),
    }
}

/// The longest key id that is looked up, in bytes. Those of the API are UUIDs of 36 bytes.
pub(super) const MAX_KEY_ID_LEN: usize = 256;

fn split_credential(credential: &[u8]) -> Option<(&str, Signature)> {
    let (id, signature) = credential.split_at_checked(credential.len().checked_sub(Signature::LEN)?)?;
    let id = str::from_utf8(id.strip_suffix(b":")?).ok()?;
    let is_id = (1..=MAX_KEY_ID_LEN).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if is_id { Some((id, Signature::from_base64(signature)?)) } else { None }
}

/// Checks what is signed, and returns the date.
fn check_signable(verifier: &Verifier, method: &Method, path: &str, headers: &HeaderMap) -> Result<u64, Reason> {
    if !is_signable(method) {
        return Err(Malformed::Method.into());
    }
    if !path.starts_with('/') || path != "/" && path.ends_with('/') {
        return Err(Malformed::Path.into());
    }
    // An empty Content-Type is signed like none at all.
    let content_type = single_value(headers, CONTENT_TYPE).map_err(|DuplicateHeader| Malformed::ContentType)?;
    if content_type.is_some_and(|value| value.to_str().unwrap_or_default().is_empty()) {
        return Err(Malformed::ContentType.into());
    }
    verifier.check_date(date_of(headers).ok_or(Malformed::Date)?)
}
