//! What holds for every request.

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::{collection::vec, prelude::*, sample::select};
use tower::{Layer, ServiceExt};
use tower_logentries_auth::{Access, LogentriesAuthLayer, Rejection};

use crate::support::{
    KEY_ID, OWNER_KEY, READ_WRITE_KEY, SIGNED_AT, USERS, at,
    bodies::{Act, Scripted},
    cases, credentials,
    verifying::{DATE, METHODS, TestRequest, mirror, present, verifier},
    wire,
};

/// What comes of a request at once: no store and no body of these tests lets a layer wait.
fn outcome(request: Request<Body>) -> Result<Request<Bytes>, Rejection> {
    present(&verifier(), request).now_or_never().unwrap()
}

/// A request that can be signed.
#[derive(Debug, Clone)]
struct Signable {
    method: &'static str,
    target: String,
    content_type: String,
    body: Vec<u8>,
}

impl Signable {
    fn draft(&self) -> TestRequest<'_> {
        let Self { method, target, content_type, body } = self;
        TestRequest { method, target, content_type, body, ..TestRequest::LIST }
    }
}

fn signable() -> impl Strategy<Value = Signable> {
    let path = vec("(/|[a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2}){0,12}", 1..6);
    let target = (path, proptest::option::of("[ -~&&[^#<>\"` ]]{0,20}")).prop_map(|(path, query)| {
        let path = format!("/{}", path.join("/").trim_end_matches('/'));
        query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
    });
    let content_type = prop_oneof![Just(String::new()), Just("application/json".into()), "[!-~]([ -~]{0,20}[!-~])?"];
    let body = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..300)];
    (select(METHODS.to_vec()), target, content_type, body)
        .prop_map(|(method, target, content_type, body)| Signable { method, target, content_type, body })
        .prop_filter("a target", |signable| signable.target.parse::<Uri>().is_ok_and(|uri| uri.path().starts_with('/')))
}

/// Places where a request that was signed is changed on its way.
#[derive(Debug, Clone, Copy)]
enum Field {
    Method,
    Path,
    ContentType,
    Date,
    Body,
    KeyId,
    Signature,
}

fn field() -> impl Strategy<Value = Field> {
    use Field::*;
    select(vec![Method, Path, ContentType, Date, Body, KeyId, Signature])
}

/// The request with one bit flipped; `None` where the field has none or the outcome can't be written as a request.
fn with_a_bit_flipped(signable: &Signable, field: Field, at: proptest::sample::Index) -> Option<Request<Body>> {
    let draft = signable.draft();
    let (_, signature) = draft.credential().split_once(':').map(|(id, s)| (id.to_owned(), s.to_owned())).unwrap();
    let path = signable.target.split('?').next().unwrap();
    let query = &signable.target[path.len()..];
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let bit = at.index(bytes.len().checked_mul(8).filter(|bits| *bits > 0)?);
        bytes[bit / 8] ^= 1 << (bit % 8);
        Some(bytes)
    };
    let text = |text: &str| flipped(text.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok());
    let good = |id: &str, signature: &str| format!("{id}:{signature}");
    let credential = good(KEY_ID, &signature);
    let request = match field {
        Field::Method => TestRequest { method: &text(draft.method)?, ..draft }.carrying(credential),
        Field::Path => TestRequest { target: &format!("{}{query}", text(path)?), ..draft }.carrying(credential),
        Field::ContentType => TestRequest { content_type: &text(draft.content_type)?, ..draft }.carrying(credential),
        Field::Date => TestRequest { date: &text(draft.date)?, ..draft }.carrying(credential),
        Field::Body => TestRequest { body: &flipped(draft.body)?, ..draft }.carrying(credential),
        Field::KeyId => draft.carrying(good(&text(KEY_ID)?, &signature)),
        Field::Signature => draft.carrying(good(KEY_ID, &text(&signature)?)),
    };
    request.ok()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn signed_requests_pass_unchanged(signable in signable()) {
        let passed = outcome(signable.draft().request()).unwrap();
        prop_assert_eq!(passed.method().as_str(), signable.method);
        prop_assert_eq!(passed.uri(), &*signable.target);
        prop_assert_eq!(passed.body(), &signable.body);
    }

    #[test]
    fn signing_layer_satisfies_verifying_layer(signable in signable()) {
        prop_assume!(signable.method != "CONNECT");
        let stack = LogentriesAuthLayer::new(credentials())
            .clock(at(SIGNED_AT))
            .layer(verifier().layer(tower::service_fn(mirror)));
        let request = Request::builder()
            .method(signable.method)
            .uri(format!("https://rest.logentries.com{}", signable.target))
            .extension(Access::Owner)
            .body(Body::from(signable.body.clone()))
            .unwrap();
        let response = stack.oneshot(request).now_or_never().unwrap().unwrap();
        prop_assert!(response.extensions().get::<Rejection>().is_none(), "{response:?}");
    }

    #[test]
    fn chunking_does_not_matter(chunks in vec(vec(any::<u8>(), 0..1500), 0..8)) {
        let body = chunks.concat();
        let request = TestRequest { body: &body, ..TestRequest::CREATE }.request();
        let acts = chunks.into_iter().map(|chunk| Act::Bytes(chunk.into()));
        let passed = outcome(request.map(|_| Body::new(Scripted::new(acts)))).unwrap();
        prop_assert_eq!(passed.body(), &body);
    }

    #[test]
    fn flipped_bit_is_rejected(
        signable in signable(),
        field in field(),
        at in any::<proptest::sample::Index>(),
    ) {
        let changed = with_a_bit_flipped(&signable, field, at);
        prop_assume!(changed.is_some());
        let outcome = outcome(changed.unwrap());
        prop_assert!(outcome.is_err(), "{outcome:?}");
    }

    #[test]
    fn other_key_or_body_is_rejected(signable in signable(), key in "[!-~]{1,80}", body in vec(any::<u8>(), 0..100)) {
        prop_assume!(key != OWNER_KEY && body != signable.body);
        let by_another_key = outcome(TestRequest { key: &key, ..signable.draft() }.request());
        prop_assert!(by_another_key.is_err());
        let request = TestRequest { body: &body, ..signable.draft() }.carrying(signable.draft().credential());
        prop_assert!(outcome(request.unwrap()).is_err());
    }
}

fn header_name() -> impl Strategy<Value = HeaderName> {
    select(vec!["x-api-key", "authorization-api-key", "date", "content-type", "content-length", "host"])
        .prop_map(HeaderName::from_static)
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![select(METHODS.to_vec()).prop_map(String::from), "[!-~]{1,9}"]
        .prop_filter_map("a method", |method| method.parse().ok())
}

fn any_uri() -> impl Strategy<Value = Uri> {
    let bytes = vec(any::<u8>(), 0..20).prop_map(|bytes| [b"/", &bytes[..]].concat());
    prop_oneof![
        Just(Vec::from(USERS)),
        bytes,
        "/?[!-~]{1,30}".prop_map(String::into_bytes),
        "/\\PC{0,30}".prop_map(Vec::from)
    ]
    .prop_filter_map("a target", |bytes| Uri::try_from(bytes).ok())
}

/// Bytes that are nearly the correct ones, or random.
fn header_value() -> impl Strategy<Value = HeaderValue> {
    let good = [DATE, "application/json", READ_WRITE_KEY, KEY_ID, "key-id://///////////////////////////////////////8="];
    let near = (select(good.to_vec()), any::<proptest::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    });
    let good = select(good.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let signature = vec(any::<u8>(), 18..23).prop_map(|bytes| {
        use base64::Engine;
        format!("{KEY_ID}:{}", base64::engine::general_purpose::STANDARD.encode(bytes)).into_bytes()
    });
    prop_oneof![vec(any::<u8>(), 0..60), near, good, signature]
        .prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn noise_never_panics_or_passes(
        method in any_method(),
        uri in any_uri(),
        headers in vec((header_name(), header_value()), 0..6),
        body in vec(any::<u8>(), 0..40),
    ) {
        let mut request = Request::builder().method(method).uri(uri).body(Body::from(body)).unwrap();
        request.headers_mut().extend(headers.iter().cloned());
        let has_the_api_key = headers.iter().any(|(_, value)| value == READ_WRITE_KEY);
        match outcome(request) {
            Ok(_) => prop_assert!(has_the_api_key),
            Err(rejection) => prop_assert!(rejection.status().is_client_error()),
        }
    }

    #[test]
    fn signed_paths_and_dates_never_panic(
        target in "/\\PC{0,30}",
        date in prop_oneof![Just(DATE.to_owned()), "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"],
    ) {
        let draft = TestRequest { target: &target, date: &date, ..TestRequest::LIST };
        if let Ok(request) = draft.carrying(draft.credential()) {
            let passed = outcome(request).is_ok();
            prop_assert!(!passed || date == DATE);
        }
    }
}

/// Every other way to cut the bytes that were signed into method, content type, date and path.
fn other_readings(signed: &str, original: &TestRequest<'_>) -> impl Iterator<Item = (String, String, String, String)> {
    let original = [original.method, original.content_type, original.date, &original.target[1..]].map(str::to_owned);
    let len = signed.len();
    let cuts = (1..=9).flat_map(move |a| (a..=len).flat_map(move |b| (b..=len).map(move |c| (a, b, c))));
    let readings = cuts.map(|(a, b, c)| [&signed[..a], &signed[a..b], &signed[b..c], &signed[c..]].map(str::to_owned));
    let readings: Vec<_> = readings.filter(|reading| *reading != original).collect();
    readings.into_iter().map(|[method, content_type, date, path]| (method, content_type, date, format!("/{path}")))
}

#[test]
fn accepted_requests_have_distinct_canonical_strings() {
    let two_dates = format!("text/plain{DATE}");
    for draft in [
        TestRequest { target: "/a/b", ..TestRequest::LIST },
        TestRequest { target: "/a/b", ..TestRequest::CREATE },
        TestRequest { target: "/GETapplication/json", content_type: "", ..TestRequest::CREATE },
        TestRequest { target: "/a", content_type: &two_dates, ..TestRequest::CREATE },
        TestRequest { target: "/a", content_type: "POST", method: "OPTIONS", ..TestRequest::CREATE },
    ] {
        let TestRequest { method, target, content_type, date, .. } = draft;
        let signed = [method, content_type, date, &target[1..]].concat();
        let credential = draft.credential();
        assert!(outcome(draft.request()).is_ok(), "{draft:?}");
        let mut tried = 0;
        for (method, content_type, date, target) in other_readings(&signed, &draft) {
            let other =
                TestRequest { method: &method, content_type: &content_type, date: &date, target: &target, ..draft };
            let Ok(request) = other.carrying(&credential) else { continue };
            assert_eq!(other.credential(), credential, "one signature is good for both: {other:?}");
            assert!(outcome(request).is_err(), "{other:?}");
            tried += 1;
        }
        assert!(tried > 2 * signed.len(), "{tried} of {}", signed.len());
    }
}

#[test]
fn moving_characters_between_path_and_digest_is_rejected() {
    // The digest is the last 44 characters and a body's own, so that no move leaves the string as it was.
    let credential = TestRequest::CREATE.credential();
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for moved in 1..=digest.len() {
        let longer = format!("{USERS}{}", &digest[..moved]);
        let shorter = &USERS[..USERS.len().saturating_sub(moved).max(1)];
        for target in [&*longer, shorter] {
            for body in [TestRequest::CREATE.body, b"", digest.as_bytes()] {
                let request = TestRequest { target, body, ..TestRequest::CREATE }.carrying(&credential).unwrap();
                assert!(outcome(request).is_err(), "{target}");
            }
        }
    }
}

#[test]
fn wire_rules_alone_are_ambiguous() {
    // Two requests, one canonical string: what the checks of form are for.
    let sign = |method, content_type| wire::signature(OWNER_KEY, method, content_type, DATE, USERS, b"");
    assert_eq!(sign("GET", "application/json"), sign("GETa", "pplication/json"));
}
