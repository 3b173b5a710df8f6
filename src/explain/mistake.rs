//! The common mistakes: what each is called, and how to fix it.

use std::fmt;

/// Declares each mistake with its code and what to do about it.
macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $advice:literal;)+) => {
        /// A common mistake of clients that sign by hand.
        ///
        /// [`code`](Mistake::code) is stable, for programs. `Display` says how to fix it, for people.
        ///
        /// ```
        /// use tower_logentries_auth::explain::Mistake;
        ///
        /// let mistake = Mistake::PathWithQuery;
        /// assert_eq!(mistake.code(), "path-with-query");
        /// assert_eq!(mistake.to_string(), "sign the path without the query and its question mark");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Mistake {
            $($(#[$doc])* $name,)+
        }

        impl Mistake {
            /// Returns the code of this mistake, such as `body-hash-hex`.
            pub const fn code(self) -> &'static str {
                self.code_and_advice().0
            }

            const fn code_and_advice(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($code, $advice),)+
                }
            }
        }
    };
}

mistakes! {
    /// `empty-hmac`: nothing was fed to the HMAC. The listing of the authentication guide lacks that line.
    EmptyHmac: "empty-hmac", "feed the canonical string to the HMAC before reading its digest";
    /// `body-not-hashed`: there is a body, and the digest of an empty one was signed.
    BodyNotHashed: "body-not-hashed", "hash the body that is sent, not an empty one";
    /// `body-hash-hex`: the digest of the body was signed in hex, or in the base64 of its hex.
    BodyHashHex: "body-hash-hex", "encode the 32 bytes of the body's SHA-256 in base64, without a step in hex";
    /// `body-not-hashed-raw`: the body itself was signed instead of its digest.
    BodyNotHashedRaw: "body-not-hashed-raw", "sign the base64 of the body's SHA-256 instead of the body";
    /// `body-hash-missing`: the digest of the body was left out.
    BodyHashMissing: "body-hash-missing",
        "end the canonical string with the base64 of the body's SHA-256, even if it is empty";
    /// `body-newline`: the body was hashed with another newline at its end than it was sent with.
    BodyNewline: "body-newline",
        "hash exactly the bytes that are sent: the body arrived with another newline at its end";
    /// `path-leading-slash`: the path was signed with its leading slash.
    PathLeadingSlash: "path-leading-slash", "sign the path without its leading slash";
    /// `path-with-query`: the path was signed with the query.
    PathWithQuery: "path-with-query", "sign the path without the query and its question mark";
    /// `path-trailing-slash`: the path was signed with a slash at its end.
    PathTrailingSlash: "path-trailing-slash", "sign, and send, the path without a slash at its end";
    /// `path-decoded`: the path was signed with its percent-encoding decoded.
    PathDecoded: "path-decoded", "sign the path with its percent-encoding, exactly as it is sent";
    /// `path-encoded`: the path was sent as it is and signed percent-encoded, or encoded once more.
    PathEncoded: "path-encoded", "sign the path exactly as it is sent, without percent-encoding it for the signature";
    /// `path-spelling`: the path was signed in an equivalent percent-encoding, such as `%c3` for `%C3` or `~` for `%7E`.
    PathSpelling: "path-spelling",
        "sign the path exactly as it is sent: it arrived in another spelling of its percent-encoding";
    /// `path-prefix`: the path was signed with a prefix that a proxy took off, such as `/api`.
    PathPrefix: "path-prefix",
        "sign the path that arrives, without the prefix that a proxy takes off, or set `stripped_prefix` on the server";
    /// `path-full-url`: the whole URL was signed, with its scheme and host.
    PathFullUrl: "path-full-url", "sign the path alone, without scheme and host";
    /// `content-type-omitted`: a Content-Type was sent and none signed.
    ContentTypeOmitted: "content-type-omitted", "sign the Content-Type that is sent";
    /// `content-type-assumed`: `application/json` was signed and no Content-Type sent.
    ContentTypeAssumed: "content-type-assumed", "send the Content-Type that is signed: no Content-Type arrived";
    /// `content-type-parameters`: the Content-Type was signed without its parameters, such as `; charset=utf-8`.
    ContentTypeParameters: "content-type-parameters",
        "sign the Content-Type with its parameters, exactly as it is sent";
    /// `content-type-replaced`: `application/json` was signed and another Content-Type sent, such as the one that many HTTP
    /// libraries add to a body.
    ContentTypeReplaced: "content-type-replaced",
        "send the Content-Type that is signed, application/json: another one arrived, which an HTTP library may have set";
    /// `charset-not-sent`: the Content-Type was signed with a charset and sent without it.
    CharsetNotSent: "charset-not-sent", "sign the Content-Type exactly as it is sent: it arrived without the charset";
    /// `charset-spelling`: the charset was signed in another spelling, such as `utf-8` for `UTF-8`, with or without a space
    /// before it, or in quotes.
    CharsetSpelling: "charset-spelling",
        "sign the charset exactly as it is sent, with the same letter case, spaces and quotes";
    /// `method-case`: the method was signed in another letter case.
    MethodCase: "method-case", "sign the method in upper case, as it is sent";
    /// `method-replaced`: another method was signed than was sent.
    MethodReplaced: "method-replaced",
        "sign the method that is sent: an HTTP library or a redirect may have replaced it";
    /// `date-form`: the date was signed in another form than it was sent in, such as ISO 8601, with `+0000`, with a day that
    /// is unpadded or padded with a space, or as Unix seconds.
    DateForm: "date-form", "sign the Date header exactly as it is sent, in the form Thu, 17 Aug 2017 20:16:24 GMT";
    /// `separators`: newlines, spaces, commas or colons were signed between the parts, or a newline after them.
    Separators: "separators", "concatenate the five parts with nothing between them and nothing after them";
    /// `hmac-sha256`: the HMAC was made with SHA-256.
    HmacSha256: "hmac-sha256", "make the HMAC with SHA-1; only the body is hashed with SHA-256";
    /// `key-bytes`: the UUID of the owner key was decoded to its 16 bytes.
    KeyBytes: "key-bytes", "use the text of the owner key with its dashes as the key, without decoding it";
    /// `key-id-as-key`: the id of the owner key was used as the key.
    KeyIdAsKey: "key-id-as-key", "sign with the owner key, not with its id";
    /// `api-key-as-key`: an API key was used instead of the owner key.
    ApiKeyAsKey: "api-key-as-key", "sign with the owner key, not with a read/write or read-only key";
    /// `key-line-end`: the key was used with a line end, such as the one at the end of the file that it was read from.
    KeyLineEnd: "key-line-end", "remove the line end from the key, such as the one of a file or of `echo`";
}

/// Says what to do.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_and_advice().1)
    }
}
