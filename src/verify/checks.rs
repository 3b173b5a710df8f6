//! What is checked before a body is read: the form of a request, its credentials, its date.
//!
//! The canonical string has no separators. These checks are what makes it splittable in one way only.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, header::CONTENT_TYPE};

use super::{
    Presented,
    rejection::{Malformed, Rejection},
};
use crate::{
    ApiKeyDigest, Signature, canonical, clock,
    headers::{AUTHORIZATION_API_KEY, Doubled, X_API_KEY, only},
};

/// The credentials of a request of good form.
pub(super) enum Claim {
    ApiKey(ApiKeyDigest),
    Owner { id: Arc<str>, signature: Signature, date: u64 },
}

impl Claim {
    /// Reads the claim, and refuses whatever could be read otherwise by someone else.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, Rejection> {
        let headers = request.headers();
        let credentials = |name| only(headers, name).map_err(|Doubled| Malformed::DoubledCredentials);
        match (credentials(&X_API_KEY)?, credentials(&AUTHORIZATION_API_KEY)?) {
            (None, None) => Err(Rejection::NoCredentials),
            (Some(_), Some(_)) => Err(Malformed::DoubledCredentials.into()),
            (Some(key), None) => {
                let paths = [request.uri().path(), signed_path(request)];
                match paths.into_iter().all(has_one_reading) {
                    true => Ok(Self::ApiKey(ApiKeyDigest::of(key))),
                    false => Err(Malformed::Path.into()),
                }
            }
            (None, Some(credential)) => {
                let date = check_signable(request.method(), signed_path(request), headers)?;
                Self::owner(credential.as_bytes(), date).ok_or(Malformed::Credentials.into())
            }
        }
    }

    fn owner(credential: &[u8], date: u64) -> Option<Self> {
        let (id, signature) = std::str::from_utf8(credential).ok()?.split_once(':')?;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        Some(Self::Owner { id: id.into(), signature: Signature::from_base64(signature)?, date })
    }

    pub(super) fn presented(&self) -> Presented {
        match self {
            Self::ApiKey(digest) => Presented::ApiKey(*digest),
            Self::Owner { id, .. } => Presented::OwnerKeyId(Arc::clone(id)),
        }
    }
}

/// The path that the client signed: under axum's `nest`, the one from before the prefix was taken off.
pub(super) fn signed_path<B>(request: &Request<B>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions().get::<axum::extract::OriginalUri>() {
        return original.path();
    }
    request.uri().path()
}

/// Checks what is signed; returns the date, in seconds since 1970.
fn check_signable(method: &Method, path: &str, headers: &HeaderMap) -> Result<u64, Malformed> {
    if !canonical::is_unambiguous(method) {
        return Err(Malformed::Method);
    }
    if !path.starts_with('/') || path != "/" && path.ends_with('/') {
        return Err(Malformed::Path);
    }
    // An empty Content-Type is signed like none at all.
    let content_type = only(headers, &CONTENT_TYPE).map_err(|Doubled| Malformed::ContentType)?;
    if content_type.is_some_and(|value| value.to_str().unwrap_or_default().is_empty()) {
        return Err(Malformed::ContentType);
    }
    clock::date_of(headers).ok_or(Malformed::Date)
}

/// Whether every parser takes this path for the same segments: each is plain, none is empty but behind a last slash.
fn has_one_reading(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return path == "*" };
    let path = path.strip_suffix('/').unwrap_or(path);
    path.is_empty() || path.split('/').all(is_plain)
}

/// Not empty, not a dot segment, and UTF-8 once it is decoded: an overlong `%c0%af` is a slash to some.
fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && decode(segment).is_some_and(|octets| str::from_utf8(&octets).is_ok())
}

/// The octets of a segment in which each is written in the only way that it can be.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut parts = segment.split('%');
    let mut octets = literal(parts.next()?)?.to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        octets.push(encoded(hex)?);
        octets.extend_from_slice(literal(rest)?);
    }
    Some(octets)
}

/// Octets that stand for themselves. Some parsers cut a path at `;`, or turn `\` into a slash.
fn literal(text: &str) -> Option<&[u8]> {
    let stands_for_itself = |byte: u8| byte.is_ascii_graphic() && !br#";\"<>^`{|}"#.contains(&byte);
    text.bytes().all(stands_for_itself).then_some(text.as_bytes())
}

/// An octet in percent-encoding that can't be taken for one that means something in a path, or that needs no encoding.
fn encoded(hex: &str) -> Option<u8> {
    let byte = hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(hex, 16).ok())??;
    let needs_none = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let means_something = byte.is_ascii_control() || b"/\\;?#%".contains(&byte);
    (!needs_none && !means_something).then_some(byte)
}
