//! The path that a request is judged by, and what makes one ambiguous.
//!
//! Form, access and signature are decided on one whole path: the prefix that a proxy took off, followed by the path as the
//! outermost router got it.

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

/// How parsers read a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Two parsers could read different segments in it.
    Ambiguous,
    /// It has other characters than visible ASCII, which some parsers fold or drop.
    Other,
    /// It is visible ASCII.
    Visible,
}

impl Form {
    pub(super) fn of(whole: &str) -> Self {
        let Some(path) = whole.strip_prefix('/') else {
            return if whole == "*" { Self::Visible } else { Self::Ambiguous };
        };
        if path.is_empty() {
            return Self::Visible;
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut form = Self::Visible;
        for segment in path.split('/') {
            match decode(segment) {
                None => return Self::Ambiguous,
                Some(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => {}
                Some(_) => form = Self::Other,
            }
        }
        form
    }
}

/// Decodes a segment, if every parser reads it the same way: it is neither empty nor a dot segment, every byte is written in
/// the only possible way, and it is UTF-8, because some parsers read an overlong `%c0%af` as a slash. Some trim spaces at its
/// ends.
fn decode(segment: &str) -> Option<Cow<'_, str>> {
    let mut parts = segment.split('%');
    let mut text = Cow::Borrowed(parts.next().filter(|text| is_literal(text))?.as_bytes());
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        text.to_mut().push(encoded(hex)?);
        text.to_mut().extend_from_slice(Some(rest).filter(|rest| is_literal(rest))?.as_bytes());
    }
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(str::from_utf8(text).ok()?),
        Cow::Owned(text) => Cow::Owned(String::from_utf8(text).ok()?),
    };
    (!matches!(&*text, "" | "." | "..") && text.trim_ascii() == &*text).then_some(text)
}

/// Returns whether all characters stand for themselves. Some parsers cut a path at `;`, or turn `\` into a slash.
fn is_literal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !br#";\"<>^{|}`"#.contains(&byte))
}

/// Decodes a percent-encoded byte that has no meaning in a path and does need to be encoded.
fn encoded(hex: &str) -> Option<u8> {
    let byte = hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(hex, 16).ok())??;
    let needs_none = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let means_something = byte.is_ascii_control() || b"/\\;?#%".contains(&byte);
    (!needs_none && !means_something).then_some(byte)
}
