//! The path that a request is judged by, and what makes one ambiguous.
//!
//! The layer checks form, access and signature on one whole path: the prefix that a proxy took off, followed by the
//! path that the outermost router got.

use std::borrow::Cow;

use http::{Extensions, Uri};

/// Returns the whole path of a request. `stripped` is the prefix that a proxy took off, or empty.
pub(super) fn whole_path<'a>(stripped: &str, uri: &'a Uri, extensions: &'a Extensions) -> Cow<'a, str> {
    match original_uri(uri, extensions).path() {
        path if stripped.is_empty() || !path.starts_with('/') => path.into(),
        "/" => stripped.to_owned().into(),
        path => format!("{stripped}{path}").into(),
    }
}

/// Returns the URI that the outermost router got: under axum's `nest`, the one that still has its prefix.
#[cfg_attr(not(feature = "axum"), allow(unused_variables))]
pub(super) fn original_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = extensions.get::<axum::extract::OriginalUri>() {
        return original;
    }
    uri
}

/// Returns whether `path` is what routers leave of the `whole` path: all of it, its end, or `/` of a bare prefix. Otherwise
/// something rewrote it, and the request was not made for this resource.
pub(super) fn is_end_of(whole: &str, path: &str) -> bool {
    path == whole || path == "/" || path.starts_with('/') && whole.ends_with(path)
}

/// Returns whether a path is visible ASCII when it is decoded: some parsers fold or drop other characters. Returns `None` if
/// two parsers could read different segments in it.
pub(super) fn is_visible(whole: &str) -> Option<bool> {
    if matches!(whole, "/" | "*") {
        return Some(true);
    }
    let text = Some(whole).filter(|whole| is_literal(whole)).and_then(decode)?;
    let path = text.strip_prefix('/')?;
    let is_segment = |segment: &[u8]| !matches!(segment, b"" | b"." | b"..") && segment.trim_ascii() == segment;
    let is_path = path.strip_suffix('/').unwrap_or(path).as_bytes().split(|byte| *byte == b'/').all(is_segment);
    is_path.then(|| text.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Decodes a path, if only those bytes are encoded that must be. It must be UTF-8, because some parsers read an overlong
/// `%c0%af` as a slash.
fn decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(path.into());
    }
    let mut parts = path.split('%');
    let mut text = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        text.push(encoded(hex)?);
        text.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(text).ok().map(Cow::Owned)
}

/// Returns whether no character is one that parsers read differently: some cut a path at `;`, or turn `\` into a slash.
fn is_literal(text: &str) -> bool {
    let is_literal = |byte| !matches!(byte, b';' | b'\\' | b'"' | b'<' | b'>' | b'^' | b'{' | b'|' | b'}' | b'`');
    text.bytes().all(|byte| byte.is_ascii_graphic() && is_literal(byte))
}

/// Decodes a percent-encoded byte that has no meaning in a path and does need to be encoded.
fn encoded(hex: &str) -> Option<u8> {
    let byte = hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(hex, 16).ok())??;
    let needs_none = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let means_something = byte.is_ascii_control() || b"/\\;?#%".contains(&byte);
    (!needs_none && !means_something).then_some(byte)
}
