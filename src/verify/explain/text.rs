//! Texts in other spellings, written piece by piece: letter case, percent-encoding (RFC 3986, section 2.1), hex.

use std::iter;

use super::form::{Case, Escapes};

/// Where a text is written to, piece by piece.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) + 'a;

/// Writes a text with its percent-encoding changed.
pub(super) fn write_escaped(text: &str, escapes: Option<Escapes>, sink: &mut Sink<'_>) {
    match escapes {
        None => sink(text.as_bytes()),
        Some(Escapes::Decoded) => write_bytes(decoded(text), sink),
        Some(Escapes::EncodedBut(kept)) => write_bytes(encoded(text, kept), sink),
    }
}

/// Returns whether a text is another one with its percent-encoding changed.
pub(super) fn changes(escapes: Escapes, text: &str) -> bool {
    match escapes {
        Escapes::Decoded => !decoded(text).eq(text.bytes()),
        Escapes::EncodedBut(kept) => !encoded(text, kept).eq(text.bytes()),
    }
}

/// Writes bytes that come one by one.
pub(super) fn write_bytes(bytes: impl Iterator<Item = u8>, sink: &mut Sink<'_>) {
    let (mut buffer, mut len) = ([0; 64], 0);
    bytes.for_each(|byte| {
        if len == buffer.len() {
            sink(&buffer);
            len = 0;
        }
        if let Some(slot) = buffer.get_mut(len) {
            *slot = byte;
            len += 1;
        }
    });
    sink(buffer.get(..len).unwrap_or_default());
}

/// The letters of a method in another case.
pub(super) fn letters(method: &str, case: Case) -> impl Iterator<Item = u8> {
    method.bytes().enumerate().map(move |(index, byte)| match case {
        Case::Upper => byte.to_ascii_uppercase(),
        Case::Capitalized if index == 0 => byte.to_ascii_uppercase(),
        Case::Lower | Case::Capitalized => byte.to_ascii_lowercase(),
    })
}

/// The bytes that percent-encoding stands for. What is no encoding stands for itself.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    iter::from_fn(move || {
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        let (first, after) = rest.split_first()?;
        rest = after;
        Some(*first)
    })
}

fn encoded(text: &str, kept: &'static [u8]) -> impl Iterator<Item = u8> {
    let is_kept = move |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte);
    text.bytes().flat_map(move |byte| {
        let [high, low] = hex_pair(byte, b"0123456789ABCDEF");
        let (text, len) = if is_kept(&byte) { ([byte, 0, 0], 1) } else { ([b'%', high, low], 3) };
        text.into_iter().take(len)
    })
}

/// The hex digits of bytes.
pub(super) fn hex<'a>(bytes: &'a [u8], digits: &'static [u8; 16]) -> impl Iterator<Item = u8> + 'a {
    bytes.iter().flat_map(move |byte| hex_pair(*byte, digits))
}

fn hex_pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| digits.get(usize::from(nibble)).copied().unwrap_or_default())
}
