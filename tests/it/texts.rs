//! The one place that pins what errors say. Everywhere else tests assert the variant.

use std::{error::Error, io, sync::Arc};

use http::Method;
use tower::BoxError;
use tower_logentries_auth::{
    Access, AuthError, Credentials, CredentialsError, Rejection, Signature,
    replay::{MemoryReplayGuardError, ReplayRejection},
    server::{Malformed, MemoryKeyStore, MissingVerifyLayer},
};

use crate::support::{
    layer,
    verifying::{TestRequest, present, verifier},
};

fn cause() -> BoxError {
    io::Error::other("the disk is gone").into()
}

fn assert_texts<E: Error>(texts: impl IntoIterator<Item = (E, &'static str)>) {
    for (error, text) in texts {
        assert_eq!(error.to_string(), text, "{error:?}");
    }
}

#[test]
fn auth_error() {
    assert_texts([
        (
            AuthError::UntrustedOrigin { origin: "http://example.com:8080".to_owned() },
            "refusing to send credentials to http://example.com:8080: it is not a trusted origin \
             (see `LogentriesAuthLayer::trust_origin`)",
        ),
        (
            AuthError::InsecureOrigin { origin: "http://rest.logentries.com".to_owned() },
            "refusing to send credentials to http://rest.logentries.com over an insecure connection: use https://",
        ),
        (
            AuthError::InvalidAuthority,
            "refusing to send credentials to an ambiguous authority: use http or https, a host and a port, and no userinfo",
        ),
        (
            AuthError::MissingAuthority,
            "the URI has no authority: use an absolute URI, \
             or set where such requests go with `LogentriesAuthLayer::assume_origin`",
        ),
        (
            AuthError::HostMismatch { origin: "https://rest.logentries.com".to_owned() },
            "the Host header names another authority than https://rest.logentries.com: \
             remove it, or make it match the URI",
        ),
        (
            AuthError::InsufficientAccess { required: Access::Owner },
            "no configured key grants owner access, which this resource requires: add one, or override the table \
             with an `Access` in the request's extensions, or with `LogentriesAuthLayer::access`",
        ),
    ]);
}

#[test]
fn auth_error_of_a_request_that_cannot_be_signed() {
    assert_texts([
        (
            AuthError::UnsupportedMethod { method: Method::from_bytes(b"PURGE").unwrap() },
            "a request with method PURGE cannot be signed: use a registered method such as POST",
        ),
        (AuthError::MissingPath, "a request without a path cannot be signed: use a target that starts with '/'"),
        (
            AuthError::DuplicateContentType,
            "a request with more than one Content-Type header cannot be signed: send one",
        ),
        (
            AuthError::InvalidContentType,
            "the Content-Type cannot be signed: use visible ASCII without blanks at its ends, or send none",
        ),
        (AuthError::TooManyHeaders, "the request has too many headers to add credentials: send fewer"),
        (
            AuthError::ClockOutOfRange,
            "the clock is outside the years 1970 to 9999, which no Date header can express: set it",
        ),
        (
            AuthError::BodyTooLarge { limit: 8 },
            "the body is longer than the 8 bytes that are buffered to be signed: \
             raise `body_limit`, or add a `BodyDigest` to the request's extensions so that the body streams",
        ),
        (AuthError::ReadBody { source: cause() }, "failed to read the request body that has to be signed"),
        (
            AuthError::BodyLengthMismatch { read: 6 },
            "the body had 6 bytes, which contradicts its size hint: nothing was sent",
        ),
        (
            AuthError::UnsupportedTrailers,
            "the body has trailers, which its type cannot carry: keep them with `rebuild_body`, or send none",
        ),
        (AuthError::Service { source: cause() }, "the inner service failed"),
    ]);
}

#[test]
fn credentials_error() {
    let name = "owner key";
    assert_texts([
        (CredentialsError::Empty { name }, "the owner key is empty: copy it from the account's API keys"),
        (
            CredentialsError::Whitespace { name },
            "the owner key contains whitespace: remove it; often it is a line break at the end",
        ),
        (
            CredentialsError::ControlCharacter { name },
            "the owner key contains a control character: copy it again from the account's API keys",
        ),
        (
            CredentialsError::NotAscii { name },
            "the owner key contains a character outside ASCII: copy it again from the account's API keys",
        ),
        (
            CredentialsError::ColonInKeyId,
            "the owner key id contains a ':': pass the id alone, and the key as a separate value",
        ),
        (
            CredentialsError::IncompleteOwnerKey { set: "ONE", missing: "THE_OTHER" },
            "ONE is set without THE_OTHER: set both to sign with the owner key, or neither",
        ),
        (
            CredentialsError::NoKeysInEnv,
            "no Logentries key in the environment: set LOGENTRIES_OWNER_API_KEY_ID and LOGENTRIES_OWNER_API_KEY, \
             LOGENTRIES_PLATFORM_API_KEY, LOGENTRIES_RW_API_KEY or LOGENTRIES_RO_API_KEY",
        ),
    ]);
}

/// The text for everything that is not an origin.
pub(crate) const NOT_AN_ORIGIN: &str = "not an origin: pass a scheme, a host and, unless it is the default, a port, \
    as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)";

#[test]
fn parse_errors() {
    assert_texts([
        (layer().trust_origin("rest.logentries.com").unwrap_err(), NOT_AN_ORIGIN),
        (
            layer().trust_origin("http://rest.logentries.com").unwrap_err(),
            "Rapid7's hosts are trusted over https only: use https:// in the request's URI",
        ),
    ]);
    assert_texts([(
        "c2lnbmF0dXJl".parse::<Signature>().unwrap_err(),
        "not a signature: expected 28 characters of base64, with padding, that encode 20 bytes",
    )]);
}

#[test]
fn duplicate_key_error() {
    let keys = Credentials::read_only("key").unwrap();
    let mut store = MemoryKeyStore::new();
    store.insert("acme", &keys).unwrap();
    assert_texts([(
        store.insert("globex", &keys).unwrap_err(),
        r#"a key of account "globex" belongs to another account: give each account its own keys"#,
    )]);
}

#[test]
fn missing_verify_layer() {
    assert_texts([(
        MissingVerifyLayer,
        "no `LogentriesVerifyLayer` wraps this route: add it with `Router::layer` below the route",
    )]);
}

#[tokio::test]
async fn rejection() {
    let forged = TestRequest { key: "another-key", ..TestRequest::CREATE };
    let forbidden = Rejection::Forbidden { required: Access::Owner, granted: Access::ReadOnly, key_id: None };
    let path = "the path is ambiguous: no empty or dot segments, no encoded slashes or letters, \
                no slash at the end of a signed one";
    assert_texts([
        (Rejection::MissingCredentials, "send an x-api-key header, or Date and authorization-api-key"),
        (Rejection::UnknownKey, "the key is unknown"),
        (present(&verifier(), forged.request()).await.unwrap_err(), "the signature is invalid"),
        (forbidden, "the key grants read-only access, the resource requires owner"),
        (Malformed::Path.into(), path),
        (Rejection::ReadBody { source: Arc::from(cause()) }, "the body could not be read"),
        (Rejection::BodyLengthMismatch { read: 6 }, "the body had 6 bytes, which contradicts its size hint"),
        (Rejection::UnsupportedTrailers, "trailers are not accepted here"),
        (Rejection::BodyTooLarge { limit: 8 }, "the body is longer than 8 bytes"),
        (Rejection::KeyStoreUnavailable { source: Arc::from(cause()) }, "keys cannot be looked up at the moment"),
    ]);
}

/// Time zones differ by multiples of half an hour, from UTC-12:00 to UTC+14:00.
#[test]
fn rejection_of_a_date() {
    assert_texts(
        [
            (301, "the Date is 301 seconds ahead of the server's clock"),
            (-301, "the Date is 301 seconds behind the server's clock"),
            (
                7200,
                "the Date is 7200 seconds ahead of the server's clock, \
                 as if local time of UTC+02:00 had been sent as GMT",
            ),
            (
                -18_003,
                "the Date is 18003 seconds behind the server's clock, \
                 as if local time of UTC-05:00 had been sent as GMT",
            ),
            (
                19_799,
                "the Date is 19799 seconds ahead of the server's clock, \
                 as if local time of UTC+05:30 had been sent as GMT",
            ),
            (
                50_400,
                "the Date is 50400 seconds ahead of the server's clock, \
                 as if local time of UTC+14:00 had been sent as GMT",
            ),
            (54_000, "the Date is 54000 seconds ahead of the server's clock"),
            (-46_800, "the Date is 46800 seconds behind the server's clock"),
            (5_000, "the Date is 5000 seconds ahead of the server's clock"),
        ]
        .map(|(offset_secs, text)| (Rejection::DateOutOfTolerance { offset_secs }, text)),
    );
}

#[test]
fn replay_rejection() {
    assert_texts([
        (
            ReplayRejection::Replayed,
            "a request with this signature was received before: sign it again, with another date",
        ),
        (ReplayRejection::Expired, "the Date expired before the request was complete: sign it again"),
        (
            ReplayRejection::GuardUnavailable { source: Arc::from(cause()) },
            "replays cannot be distinguished from new requests at the moment",
        ),
        (
            ReplayRejection::MissingVerifyLayer,
            "requests are checked for replays but not authenticated: \
             add LogentriesVerifyLayer outside RejectReplaysLayer",
        ),
    ]);
    assert_texts([
        (
            MemoryReplayGuardError::Full { capacity: 7 },
            "the guard has no room for another signature: raise its capacity of 7 with \
             `MemoryReplayGuard::with_capacity`, or lower the date tolerance or upload time",
        ),
        (
            MemoryReplayGuardError::Forgotten,
            "signatures of this date were forgotten, because the server's clock was ahead before it was set back",
        ),
    ]);
}
