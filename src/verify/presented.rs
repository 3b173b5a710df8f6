//! What is checked before a key is looked up: the form of a request and of its credentials.
//!
//! The canonical string has no separators. These checks ensure that it can be split in only one way.

use std::sync::Arc;

#[cfg(feature = "tracing")]
use http::HeaderMap;
use http::{Extensions, Method, Request, Uri};

use super::{
    PresentedKey,
    path::is_unambiguous_path,
    rejection::{MalformedRequest, Rejection},
};
use crate::{
    ApiKeyDigest, Signature, canonical,
    clock::DateParser,
    headers::{DuplicateHeader, Occurrences, SchemeHeaders},
};

/// The credentials of a well-formed request.
pub(super) enum PresentedCredentials {
    ApiKey(ApiKeyDigest),
    Owner { id: Arc<str>, signature: Signature, date: u64 },
}

impl PresentedCredentials {
    /// Parses the credentials, and rejects whatever another reader could parse differently.
    pub(super) fn parse<ReqBody>(request: &Request<ReqBody>, dates: &DateParser) -> Result<Self, Rejection> {
        let (path, signed_path) = (request.uri().path(), signed_path(request.uri(), request.extensions()));
        if !is_suffix(path, signed_path) {
            return Err(MalformedRequest::Path.into());
        }
        let headers = SchemeHeaders::of(request.headers());
        let [key, credential] = [headers.x_api_key, headers.authorization_api_key].map(Occurrences::single);
        let duplicate = |DuplicateHeader| MalformedRequest::DuplicateCredentials;
        match (key.map_err(duplicate)?, credential.map_err(duplicate)?) {
            (None, None) => Err(Rejection::MissingCredentials),
            (Some(_), Some(_)) => Err(MalformedRequest::DuplicateCredentials.into()),
            (Some(key), None) => {
                if !is_unambiguous_path(path) || signed_path != path && !is_unambiguous_path(signed_path) {
                    return Err(MalformedRequest::Path.into());
                }
                Ok(Self::ApiKey(ApiKeyDigest::of(key)))
            }
            (None, Some(credential)) => {
                check_signable(request.method(), signed_path, headers.content_type)?;
                let date = headers.date.single().ok().flatten();
                let date = date.and_then(|date| dates.parse(date)).ok_or(MalformedRequest::Date)?;
                let (id, signature) = split_credential(credential.as_bytes()).ok_or(MalformedRequest::Credentials)?;
                Ok(Self::Owner { id: id.into(), signature, date })
            }
        }
    }

    /// What the key store is asked to look up.
    pub(super) fn key(&self) -> PresentedKey {
        match self {
            Self::ApiKey(digest) => PresentedKey::ApiKey(*digest),
            Self::Owner { id, .. } => PresentedKey::OwnerKeyId(Arc::clone(id)),
        }
    }
}

/// The longest key id that is looked up, in bytes. Those of the API are UUIDs of 36 bytes.
pub(super) const MAX_KEY_ID_LEN: usize = 256;

fn split_credential(credential: &[u8]) -> Option<(&str, Signature)> {
    let (id, signature) = credential.split_at_checked(credential.len().checked_sub(Signature::LEN)?)?;
    let id = str::from_utf8(id.strip_suffix(b":")?).ok()?;
    // Without an early exit, which several bytes at a time cannot have.
    let is_id = id.bytes().fold(true, |is_id, b| is_id & b.is_ascii_graphic() & (b != b':'));
    let is_id = is_id && (1..=MAX_KEY_ID_LEN).contains(&id.len());
    if is_id { Some((id, Signature::from_base64(signature)?)) } else { None }
}

/// Returns the id of the owner key that well-formed credentials name.
#[cfg(feature = "tracing")]
pub(crate) fn key_id(headers: &HeaderMap) -> Option<&str> {
    let credential = SchemeHeaders::of(headers).authorization_api_key.single().ok()??;
    split_credential(credential.as_bytes()).map(|(id, _)| id)
}

/// Returns the path that the client signed: under axum's `nest`, the one that still has its prefix.
#[inline]
pub(super) fn signed_path<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
    signed_uri(uri, extensions).path()
}

/// Returns the URI that has the path which the client signed.
#[cfg_attr(not(feature = "axum"), allow(unused_variables))]
pub(super) fn signed_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = extensions.get::<axum::extract::OriginalUri>() {
        return original;
    }
    uri
}

/// Returns whether `path` is what `nest` leaves of the `original` path: the whole, its end, or `/` of a bare prefix.
/// Otherwise something rewrote it, and the signature is not one for this resource.
fn is_suffix(path: &str, original: &str) -> bool {
    path == "/" || original.ends_with(path)
}

/// Checks what is signed beside the date.
fn check_signable(method: &Method, path: &str, content_type: Occurrences<'_>) -> Result<(), MalformedRequest> {
    if !canonical::is_unambiguous(method) {
        return Err(MalformedRequest::Method);
    }
    if !path.starts_with('/') || path != "/" && path.ends_with('/') {
        return Err(MalformedRequest::Path);
    }
    // An empty Content-Type is signed like none at all.
    let content_type = content_type.single().map_err(|DuplicateHeader| MalformedRequest::ContentType)?;
    if content_type.is_some_and(|value| value.to_str().unwrap_or_default().is_empty()) {
        return Err(MalformedRequest::ContentType);
    }
    Ok(())
}
