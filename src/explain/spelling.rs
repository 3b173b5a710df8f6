//! Percent-encoding (RFC 3986, section 2.1) in other spellings.

use super::Mistake;
use super::way::Way;

/// The characters that these keep: Python's `quote`, `quote` on an encoded path, JavaScript's `encodeURI` and
/// `encodeURIComponent`.
const KEPT: [&[u8]; 4] = [b"/", b"/%", b";,/?:@&=+$!*'()#", b"!*'()"];

/// Returns a text in other spellings, in the same order for every text.
pub(super) fn spellings(text: &[u8]) -> Vec<Way> {
    let equivalent = [
        text.to_vec(),
        decoded(text, is_unreserved),
        decoded(text, is_path_character),
        encoded(text, |byte| byte != b'~'),
    ];
    let in_cases = |text: &Vec<u8>| {
        let [upper, lower] = [<[u8]>::to_ascii_uppercase, <[u8]>::to_ascii_lowercase]
            .map(|to_case| with_escapes(text, |escape, _| to_case(escape)));
        [text.clone(), upper, lower]
    };
    let equivalent = equivalent.iter().flat_map(in_cases).map(|text| Way::by(Mistake::PathSpelling, text));
    let decoded = Way::by(Mistake::PathDecoded, decoded(text, |_| true));
    let encoded = KEPT.map(|kept| encoded(text, |byte| is_unreserved(byte) || kept.contains(&byte)));
    equivalent.chain([decoded]).chain(encoded.map(|text| Way::by(Mistake::PathEncoded, text))).collect()
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What needs no encoding in a path: RFC 3986, section 3.3.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// Encodes all but some bytes.
fn encoded(text: &[u8], is_kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let encode = |byte: &u8| if is_kept(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() };
    text.iter().flat_map(encode).collect()
}

/// Decodes the escapes of some bytes.
fn decoded(text: &[u8], is_decoded: impl Fn(u8) -> bool) -> Vec<u8> {
    with_escapes(text, |escape, byte| if is_decoded(byte) { vec![byte] } else { escape.to_vec() })
}

/// Rewrites only the escapes. `rewrite` gets each with the byte that it stands for.
fn with_escapes(text: &[u8], rewrite: impl Fn(&[u8], u8) -> Vec<u8>) -> Vec<u8> {
    let mut pieces = text.split(|byte| *byte == b'%');
    let mut rewritten = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let escaped = piece.split_at_checked(2).and_then(|(digits, after)| Some((digits, byte_of(digits)?, after)));
        rewritten.extend(match escaped {
            Some((digits, byte, after)) => [&*rewrite(&[b"%", digits].concat(), byte), after].concat(),
            None => [b"%", piece].concat(),
        });
    }
    rewritten
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}
