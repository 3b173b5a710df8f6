//! The SHA-256 of a body, as the canonical string holds it.

use std::io::{self, Read};
use std::{fmt, str};

use sha2::{Digest, Sha256};

use super::signature::encode;

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
    pub fn from_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut sha256 = Sha256::new();
        let mut chunk = Vec::new();
        // `read_to_end` goes on after `Interrupted`.
        while reader.by_ref().take(64 * 1024).read_to_end(&mut chunk)? > 0 {
            sha256.update(&chunk);
            chunk.clear();
        }
        Ok(Self::from_sha256(sha256.finalize().into()))
    }

    /// Creates a digest from the 32 bytes of a SHA-256 that was computed elsewhere.
    pub fn from_sha256(sha256: [u8; 32]) -> Self {
        Self { base64: encode(&sha256) }
    }

    /// Returns the base64 text that is signed.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.base64).expect("base64 is ASCII")
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
