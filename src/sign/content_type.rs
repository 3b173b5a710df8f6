//! The Content-Type, which is signed: the one that requests without any get, and the nonce that makes each unique.

use std::hash::{BuildHasher, Hasher, RandomState};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

use super::AuthError;

/// The Content-Type of signed requests that have none.
#[derive(Debug, Clone)]
pub(super) struct DefaultContentType {
    pub(super) value: HeaderValue,
    pub(super) arrives_as_signed: bool,
}

impl From<HeaderValue> for DefaultContentType {
    fn from(value: HeaderValue) -> Self {
        let arrives_as_signed = arrives_as_signed(&value);
        Self { value, arrives_as_signed }
    }
}

/// Returns whether a Content-Type arrives as it was signed: a receiver trims blanks, and an empty one is signed like none.
pub(super) fn arrives_as_signed(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| !text.is_empty() && text.trim_ascii() == text)
}

/// Adds a random parameter to the Content-Type, which is signed.
pub(super) fn add_nonce(headers: &mut HeaderMap) -> Result<(), AuthError> {
    let content_type = headers.get(CONTENT_TYPE).map_or(Ok("application/octet-stream"), HeaderValue::to_str);
    let content_type = content_type.map_err(|_| AuthError::InvalidContentType)?;
    // It has to differ, not to be secret: a hasher whose keys are random, and others each time, needs no other crate.
    let nonce = RandomState::new().build_hasher().finish();
    let value = HeaderValue::try_from(format!("{content_type}; nonce={nonce:016x}"));
    headers.try_insert(CONTENT_TYPE, value.map_err(|_| AuthError::InvalidContentType)?)?;
    Ok(())
}
