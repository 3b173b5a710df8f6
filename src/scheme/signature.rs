//! The signature: the HMAC-SHA1 (RFC 2104) of a canonical string.

use std::{fmt, str};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::InvalidText;

/// The HMAC-SHA1 of a canonical string: 20 bytes, 28 characters of base64.
///
/// `Display` prints the base64 text that is sent, and `FromStr` parses it. `Debug` does not print it, because a
/// signature suffices to replay its request. There is no `==`: [`OwnerKey::verify`](crate::OwnerKey::verify) compares
/// in constant time.
///
/// ```
/// use http::Method;
/// use tower_logentries_auth::{BodyDigest, CanonicalRequest, OwnerKey, Signature};
///
/// let key = OwnerKey::new("my-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?;
/// let date = "Thu, 17 Aug 2017 20:16:24 GMT";
/// let request = CanonicalRequest::new(&Method::GET, "/management/accounts/7", None, date, BodyDigest::EMPTY);
///
/// let received: Signature = key.sign(&request).to_string().parse()?;
/// assert!(key.verify(&request, &received));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Signature {
    pub(crate) bytes: [u8; 20],
}

impl Signature {
    /// The length of the base64 text, in bytes.
    pub(crate) const LEN: usize = 28;

    pub(crate) fn from_base64(base64: &[u8]) -> Option<Self> {
        let mut buffer = [0; 21];
        let decoded = STANDARD.decode_slice(base64, &mut buffer).ok()?;
        Some(Self { bytes: buffer.get(..decoded)?.try_into().ok()? })
    }

    pub(crate) fn to_base64(self) -> [u8; Self::LEN] {
        encode(&self.bytes)
    }
}

/// Parses the base64 of exactly 20 bytes: standard alphabet, padded, no bit left over.
impl str::FromStr for Signature {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_base64(text.as_bytes())
            .ok_or(InvalidText { expected: "28 characters of base64, with padding, that encode 20 bytes" })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_base64()).expect("base64 is ASCII"))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature([elided])")
    }
}

/// Encodes base64 of exactly this length.
pub(super) fn encode<const LEN: usize>(bytes: &[u8]) -> [u8; LEN] {
    let mut base64 = [0; LEN];
    let written = STANDARD.encode_slice(bytes, &mut base64).expect("the buffer is as long as the text");
    debug_assert_eq!(written, LEN);
    base64
}
