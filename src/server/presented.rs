//! What is checked before a key is looked up: the form of a request and of its credentials, its date, and the access that
//! its resource requires.
//!
//! The canonical string has no separators. These checks ensure that it can be split in only one way.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

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
    pub(super) fn parse(verifier: &Verifier, head: &mut Parts) -> Result<Self, Rejection> {
        let Parts { method, uri, headers, extensions, .. } = head;
        let whole = whole_path(&verifier.stripped_prefix, uri, extensions);
        match find_credentials(headers).map_err(|DuplicateHeader| Malformed::DuplicateCredentials)? {
            [None, None] => Err(Reason::MissingCredentials.into()),
            [Some(_), Some(_)] => Err(Malformed::DuplicateCredentials.into()),
            _ if !is_end_of(&whole, uri.path()) => Err(Malformed::Path.into()),
            [Some(key), None] => {
                let digest = ApiKeyDigest::of(key);
                let required = required_access(verifier, method, &whole);
                let required = required.map_err(|reason| Rejection::of_key(PresentedKey::ApiKey(digest), reason))?;
                Ok(Self::ApiKey(PresentedApiKey { digest, required }))
            }
            [None, Some(credential)] => {
                let (id, signature) = split_credential(credential.as_bytes()).ok_or(Malformed::Credentials)?;
                let id = Arc::from(id);
                match check_signable(verifier, method, &whole, headers) {
                    Ok(date) => Ok(Self::Signature(PresentedSignature { id, signature, date })),
                    Err(reason) => Err(Rejection::of_key(PresentedKey::OwnerKeyId(id), reason)),
                }
            }
        }
    }
}

/// Returns the API key and the `key-id:signature`, and marks them as sensitive, so that they are not logged.
fn find_credentials(headers: &mut HeaderMap) -> Result<[Option<&HeaderValue>; 2], DuplicateHeader> {
    let mut found = [None; 2];
    for (name, value) in headers {
        if let Some(at) = [X_API_KEY, AUTHORIZATION_API_KEY].iter().position(|wanted| wanted == name) {
            value.set_sensitive(true);
            if found[at].replace(&*value).is_some() {
                return Err(DuplicateHeader);
            }
        }
    }
    Ok(found)
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
