//! The common mistakes: what each is called, and how to fix it.

use std::fmt;

/// A common mistake of clients that sign by hand.
///
/// [`code`](Mistake::code) is stable, for programs. `Display` says how to fix it, for people.
///
/// ```
/// use tower_logentries_auth::verify::Mistake;
///
/// let mistake = Mistake::PathWithQuery;
/// assert_eq!(mistake.code(), "path-with-query");
/// assert_eq!(mistake.to_string(), "sign the path without the query and its question mark");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mistake {
    /// `empty-hmac`: nothing was fed to the HMAC. The listing of the authentication guide lacks that line.
    EmptyHmac,
    /// `body-not-hashed`: there is a body, and the digest of an empty one was signed.
    BodyNotHashed,
    /// `body-hash-hex`: the digest of the body was signed in hex, or in the base64 of its hex.
    BodyHashHex,
    /// `body-not-hashed-raw`: the body itself was signed instead of its digest.
    BodyNotHashedRaw,
    /// `body-hash-missing`: the digest of the body was left out.
    BodyHashMissing,
    /// `body-newline`: the body that was hashed has a newline more or less at its end than the one that was sent.
    BodyNewline,
    /// `path-leading-slash`: the path was signed with its leading slash.
    PathLeadingSlash,
    /// `path-with-query`: the path was signed with the query.
    PathWithQuery,
    /// `path-trailing-slash`: the path was signed with a slash at its end.
    PathTrailingSlash,
    /// `path-decoded`: the path was signed with its percent-encoding decoded.
    PathDecoded,
    /// `path-encoded`: the path was sent as it is and signed percent-encoded, or encoded once more.
    PathEncoded,
    /// `path-full-url`: the whole URL was signed, with its scheme and host.
    PathFullUrl,
    /// `content-type-omitted`: a Content-Type was sent and none signed.
    ContentTypeOmitted,
    /// `content-type-assumed`: `application/json` was signed and no Content-Type sent.
    ContentTypeAssumed,
    /// `content-type-parameters`: the Content-Type was signed without its parameters, such as `; charset=utf-8`.
    ContentTypeParameters,
    /// `method-case`: the method was signed in another letter case.
    MethodCase,
    /// `date-form`: the date was signed in another form than it was sent in, such as ISO 8601, with `+0000`, with an
    /// unpadded or blank-padded day, or as Unix seconds.
    DateForm,
    /// `separators`: newlines, blanks, commas or colons were signed between the parts, or a newline after them.
    Separators,
    /// `hmac-sha256`: the HMAC was made with SHA-256.
    HmacSha256,
    /// `key-bytes`: the UUID of the owner key was decoded to its 16 bytes.
    KeyBytes,
    /// `key-id-as-key`: the id of the owner key was used as the key.
    KeyIdAsKey,
    /// `api-key-as-key`: an API key was used instead of the owner key.
    ApiKeyAsKey,
}

impl Mistake {
    /// Returns the code of this mistake, such as `body-hash-hex`.
    pub const fn code(self) -> &'static str {
        self.code_and_advice().0
    }

    const fn code_and_advice(self) -> (&'static str, &'static str) {
        match self {
            Self::EmptyHmac => ("empty-hmac", "feed the canonical string to the HMAC before reading its digest"),
            Self::BodyNotHashed => ("body-not-hashed", "hash the body that is sent, not an empty one"),
            Self::BodyHashHex => {
                ("body-hash-hex", "encode the 32 bytes of the body's SHA-256 in base64, without a step in hex")
            }
            Self::BodyNotHashedRaw => {
                ("body-not-hashed-raw", "sign the base64 of the body's SHA-256 instead of the body")
            }
            Self::BodyHashMissing => (
                "body-hash-missing",
                "end the canonical string with the base64 of the body's SHA-256, even if it is empty",
            ),
            Self::BodyNewline => (
                "body-newline",
                "hash exactly the bytes that are sent: one side has a newline more at the end of the body",
            ),
            Self::PathLeadingSlash => ("path-leading-slash", "sign the path without its leading slash"),
            Self::PathWithQuery => ("path-with-query", "sign the path without the query and its question mark"),
            Self::PathTrailingSlash => ("path-trailing-slash", "sign, and send, the path without a slash at its end"),
            Self::PathDecoded => ("path-decoded", "sign the path with its percent-encoding, exactly as it is sent"),
            Self::PathEncoded => {
                ("path-encoded", "sign the path exactly as it is sent, without percent-encoding it for the signature")
            }
            Self::PathFullUrl => ("path-full-url", "sign the path alone, without scheme and host"),
            Self::ContentTypeOmitted => ("content-type-omitted", "sign the Content-Type that is sent"),
            Self::ContentTypeAssumed => {
                ("content-type-assumed", "send the Content-Type that is signed: no Content-Type arrived")
            }
            Self::ContentTypeParameters => {
                ("content-type-parameters", "sign the Content-Type with its parameters, exactly as it is sent")
            }
            Self::MethodCase => ("method-case", "sign the method in upper case, as it is sent"),
            Self::DateForm => {
                ("date-form", "sign the Date header exactly as it is sent, in the form Thu, 17 Aug 2017 20:16:24 GMT")
            }
            Self::Separators => {
                ("separators", "concatenate the five parts with nothing between them and nothing after them")
            }
            Self::HmacSha256 => ("hmac-sha256", "make the HMAC with SHA-1; only the body is hashed with SHA-256"),
            Self::KeyBytes => {
                ("key-bytes", "use the text of the owner key with its dashes as the key, without decoding it")
            }
            Self::KeyIdAsKey => ("key-id-as-key", "sign with the owner key, not with its id"),
            Self::ApiKeyAsKey => ("api-key-as-key", "sign with the owner key, not with a read/write or read-only key"),
        }
    }
}

/// Says what to do.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_and_advice().1)
    }
}
