//! The two digests of the scheme: SHA-256 of the body, and HMAC-SHA1 (RFC 2104) of the canonical string.

use std::{fmt, io, str};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The SHA-256 of a body, as the canonical string holds it: 44 characters of base64.
///
/// Add it to the extensions of a request whose body you have already hashed. The layer then signs that digest and
/// streams the body without reading it, whatever its size:
///
/// ```
/// use http::Request;
/// use tower_logentries_auth::BodyDigest;
///
/// let digest = BodyDigest::from_reader(std::fs::File::open("Cargo.toml")?)?;
/// let request = Request::put("https://rest.logentries.com/management/accounts/7/users")
///     .extension(digest)
///     .body("a body that streams the same file")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A server rejects the signature of a digest that does not match the body. An empty body is always signed as empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyDigest {
    base64: [u8; Self::LEN],
}

impl BodyDigest {
    const LEN: usize = 44;

    /// The digest of an empty body.
    pub const EMPTY: Self = Self { base64: *b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" };

    /// Returns the digest of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        match bytes.as_ref() {
            [] => Self::EMPTY,
            bytes => Self::from_sha256(Sha256::digest(bytes).into()),
        }
    }

    /// Returns the digest of everything that is left in `reader`, which is read 64 KiB at a time. Blocks if the reader
    /// does.
    ///
    /// # Errors
    ///
    /// Returns the reader's error, unless it is [`io::ErrorKind::Interrupted`].
    pub fn from_reader(mut reader: impl io::Read) -> io::Result<Self> {
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self::from_sha256(sha256.finalize().into())),
                Ok(n) => sha256.update(buffer.get(..n).unwrap_or(&buffer)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates a digest from the 32 bytes of a SHA-256 that was computed elsewhere.
    pub fn from_sha256(sha256: [u8; 32]) -> Self {
        let mut base64 = [0; Self::LEN];
        encode(&sha256, &mut base64);
        Self { base64 }
    }

    /// Returns the 32 bytes of the SHA-256.
    pub(crate) fn to_sha256(self) -> [u8; 32] {
        let mut buffer = [0; 33];
        let decoded = STANDARD.decode_slice(self.base64, &mut buffer);
        debug_assert_eq!(decoded, Ok(32), "made of 32 bytes");
        buffer.first_chunk().copied().unwrap_or_default()
    }

    /// Returns the base64 text that is signed.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.base64).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.base64
    }
}

impl fmt::Display for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyDigest({self})")
    }
}

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
    bytes: [u8; 20],
}

impl Signature {
    /// The length of the base64 text, in bytes.
    pub(crate) const LEN: usize = 28;

    pub(crate) fn as_bytes(&self) -> &[u8; 20] {
        &self.bytes
    }

    pub(crate) fn from_base64(base64: &[u8]) -> Option<Self> {
        let mut buffer = [0; 21];
        let decoded = STANDARD.decode_slice(base64, &mut buffer).ok()?;
        Some(Self { bytes: buffer.get(..decoded)?.try_into().ok()? })
    }

    pub(crate) fn to_base64(self) -> [u8; Self::LEN] {
        let mut base64 = [0; Self::LEN];
        encode(&self.bytes, &mut base64);
        base64
    }
}

/// Parses the base64 of exactly 20 bytes: standard alphabet, padded, no bit left over.
impl str::FromStr for Signature {
    type Err = InvalidSignatureText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_base64(text.as_bytes()).ok_or(InvalidSignatureText)
    }
}

/// Error of parsing a [`Signature`]: the text is not the base64 of 20 bytes. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSignatureText;

impl fmt::Display for InvalidSignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a signature: expected 28 characters of base64, with padding, that encode 20 bytes")
    }
}

impl std::error::Error for InvalidSignatureText {}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_base64()).unwrap_or_default())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature([elided])")
    }
}

/// An HMAC state initialized with a key. It is wiped when dropped.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha1>);

impl SigningKey {
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        // HMAC takes keys of any length, so the error cannot happen.
        Hmac::new_from_slice(key).ok().map(Self)
    }

    #[inline]
    pub(crate) fn sign(&self, parts: [&[u8]; 5]) -> Signature {
        Signature { bytes: self.mac(parts).finalize().into_bytes().into() }
    }

    /// Returns whether `signature` is that of `parts`. `verify_slice` compares in constant time.
    pub(crate) fn verify(&self, parts: [&[u8]; 5], signature: &Signature) -> bool {
        self.mac(parts).verify_slice(&signature.bytes).is_ok()
    }

    /// Returns the HMAC to which nothing was fed yet.
    pub(crate) fn state(&self) -> Hmac<Sha1> {
        self.0.clone()
    }

    #[inline]
    fn mac(&self, parts: [&[u8]; 5]) -> Hmac<Sha1> {
        let mut mac = self.state();
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

/// Encodes base64 into a buffer of exactly its size.
fn encode(bytes: &[u8], base64: &mut [u8]) {
    let encoded = STANDARD.encode_slice(bytes, base64);
    debug_assert!(encoded.is_ok(), "the buffer is as long as the text");
}
