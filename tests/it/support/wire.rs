//! The wire rules once more, written from their description alone. It shares no code with the crate, so that the crate
//! never verifies itself.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The signature of a request, in base64.
pub(crate) fn signature(key: &str, method: &str, content_type: &str, date: &str, target: &str, body: &[u8]) -> String {
    let hashed_body = STANDARD.encode(Sha256::digest(body));
    let canonical = [method, content_type, date, &query_path(target), &hashed_body].concat();
    hmac(key, &canonical)
}

/// The HMAC-SHA1 of a text, in base64.
pub(crate) fn hmac(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn query_path(target: &str) -> String {
    let path = target.find('?').map_or(target, |query| &target[..query]);
    let mut path = path.strip_prefix('/').unwrap_or(path).to_string();
    while path.ends_with('/') {
        path.pop();
    }
    path
}

/// Says what is wrong with a request as it arrived, or nothing where its signature is good.
pub(crate) fn signature_error(
    key_id: &str,
    key: &str,
    method: &str,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<String> {
    let only = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_string()).collect();
        match values.len() {
            0 | 1 => Ok(values.into_iter().next()),
            n => Err(format!("{n} headers {name}")),
        }
    };
    let content_type = match only("content-type") {
        Ok(value) => value.unwrap_or_default(),
        Err(problem) => return Some(problem),
    };
    let (date, credential) = match (only("date"), only("authorization-api-key")) {
        (Ok(Some(date)), Ok(Some(credential))) => (date, credential),
        headers => return Some(format!("{headers:?}")),
    };
    if headers.contains_key("x-api-key") {
        return Some("an x-api-key beside the signature".to_string());
    }
    let path = target.split('?').next().unwrap();
    if path != "/" && path.ends_with('/') {
        return Some(format!("a slash at the end of {target}"));
    }
    let expected = format!("{key_id}:{}", signature(key, method, &content_type, &date, target, body));
    (credential != expected).then(|| format!("{credential} instead of {expected}"))
}
