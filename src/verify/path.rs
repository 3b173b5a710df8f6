//! The strict path check of requests with an API key. Their access is determined by the path, so every parser must read
//! the same segments in it.

use crate::access::could_fold_to_owners;

/// Returns whether every parser reads the same segments in this path: each is plain, and only the last may be empty.
pub(super) fn is_unambiguous_path(whole: &str) -> bool {
    let Some(path) = whole.strip_prefix('/') else { return whole == "*" };
    if is_ordinary(whole.as_bytes()) {
        return true;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments = || path.split('/').map(plain).collect::<Option<Vec<_>>>();
    path.is_empty() || segments().is_some_and(|segments| !could_fold_to_owners(&segments))
}

/// Hardly any path has an encoded octet, an empty segment, or one that starts with a dot.
fn is_ordinary(path: &[u8]) -> bool {
    path.iter().all(|byte| stands_for_itself(*byte)) && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

/// Decodes a segment that is neither empty nor a dot segment, and UTF-8: some parsers read an overlong `%c0%af` as a slash.
/// Some trim blanks at its ends.
fn plain(segment: &str) -> Option<String> {
    let text = String::from_utf8(decode(segment.as_bytes())?).ok()?;
    (!matches!(&*text, "" | "." | "..") && text.trim_ascii() == text).then_some(text)
}

/// Decodes a segment, if every octet in it is written in the only possible way.
fn decode(segment: &[u8]) -> Option<Vec<u8>> {
    let mut parts = segment.split(|byte| *byte == b'%');
    let mut octets = literal(parts.next()?)?.to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        octets.push(encoded(str::from_utf8(hex).ok()?)?);
        octets.extend_from_slice(literal(rest)?);
    }
    Some(octets)
}

fn literal(octets: &[u8]) -> Option<&[u8]> {
    octets.iter().all(|byte| stands_for_itself(*byte)).then_some(octets)
}

fn stands_for_itself(byte: u8) -> bool {
    LITERAL.get(usize::from(byte)).is_some_and(|is_literal| *is_literal)
}

/// The octets that stand for themselves. Some parsers cut a path at `;`, or turn `\` into a slash. A `%` never does.
#[allow(clippy::indexing_slicing)] // when it is compiled
const LITERAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        table[byte as usize] =
            !matches!(byte, b'"' | b'%' | b';' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        byte += 1;
    }
    table
};

/// A percent-encoded octet that has no meaning in a path and does need to be encoded.
fn encoded(hex: &str) -> Option<u8> {
    let byte = hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(hex, 16).ok())??;
    let needs_none = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let means_something = byte.is_ascii_control() || b"/\\;?#%".contains(&byte);
    (!needs_none && !means_something).then_some(byte)
}
