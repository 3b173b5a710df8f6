//! Percent-encoding (RFC 3986, section 2.1) in other spellings.

use std::iter;

use super::Mistake;
use super::way::Way;

/// What Python's `quote` keeps, the same on an encoded path, JavaScript's `encodeURI` and `encodeURIComponent`.
const KEPT: [&[u8]; 4] = [b"/", b"/%", b";,/?:@&=+$!*'()#", b"!*'()"];

/// Returns a text in other spellings, those of one text in the order of those of another.
pub(super) fn spellings(text: &[u8]) -> Vec<Way> {
    let equivalent = [
        text.to_vec(),
        decoded(text, is_unreserved),
        decoded(text, is_path_character),
        encoded(text, |byte| byte != b'~'),
    ];
    let in_cases = |text: &Vec<u8>| {
        [text.clone(), with_escapes(text, <[u8]>::to_ascii_uppercase), with_escapes(text, <[u8]>::to_ascii_lowercase)]
    };
    let equivalent = equivalent.iter().flat_map(in_cases).map(|text| Way::by(Mistake::PathSpelling, text));
    let decoded = iter::once(Way::by(Mistake::PathDecoded, decoded(text, |_| true)));
    let encoded = KEPT.map(|kept| encoded(text, |byte| is_unreserved(byte) || kept.contains(&byte)));
    equivalent.chain(decoded).chain(encoded.map(|text| Way::by(Mistake::PathEncoded, text))).collect()
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What needs no encoding in a path: RFC 3986, section 3.3.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// Decodes the escapes of some bytes.
fn decoded(text: &[u8], is_decoded: impl Fn(u8) -> bool) -> Vec<u8> {
    let decode = |(unit, escaped): (&[u8], Option<u8>)| match escaped.filter(|byte| is_decoded(*byte)) {
        Some(byte) => vec![byte],
        None => unit.to_vec(),
    };
    units(text).flat_map(decode).collect()
}

/// Rewrites the escapes, and nothing else.
fn with_escapes(text: &[u8], rewrite: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    units(text).flat_map(|(unit, escaped)| if escaped.is_some() { rewrite(unit) } else { unit.to_vec() }).collect()
}

/// Encodes all but some bytes.
fn encoded(text: &[u8], is_kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let encode = |byte: &u8| if is_kept(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() };
    text.iter().flat_map(encode).collect()
}

/// Splits a text into single bytes and escapes, the latter with the byte that they stand for.
fn units(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], Option<u8>)> {
    iter::from_fn(move || {
        let escaped = rest.first_chunk().and_then(escaped_byte);
        let (unit, after) = rest.split_at_checked(if escaped.is_some() { 3 } else { 1 })?;
        rest = after;
        Some((unit, escaped))
    })
}

fn escaped_byte([percent, high, low]: &[u8; 3]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if *percent == b'%' { Some(digit(*high)? << 4 | digit(*low)?) } else { None }
}
