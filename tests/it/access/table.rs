//! The golden table of keys, `tests/access.json`: for each resource and each host, which key a client sends and which
//! access a verifier requires. It was written from Rapid7's pages, not from the code.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use http::{HeaderValue, Method, Request, header::HOST};
use http_body_util::Full;
use proptest::prelude::*;
use serde::Deserialize;
use tower_logentries_auth::{
    Access, AuthError, Credentials, CredentialsError, LogentriesAuthLayer, LogentriesVerifyLayer, server::Reason,
};

use crate::support::{
    KEY_ID, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, at, credentials,
    inner::{name_of_key, pass},
    verifying::{TestRequest, present, with_api_key},
};

#[derive(Deserialize)]
struct Golden {
    /// The addresses of what the rows cite.
    sources: HashMap<String, String>,
    hosts: Vec<Host>,
    sent: Vec<Sent>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Host {
    origin: String,
    kind: HostKind,
    prefixes: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HostKind {
    InsightopsHost,
    PlatformHost,
}

/// Which key a client that holds these sends, by what is required.
#[derive(Deserialize)]
struct Sent {
    held: Vec<String>,
    insightops_host: HashMap<String, Option<String>>,
    platform_host: HashMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Row {
    methods: Vec<String>,
    access: String,
    source: String,
    paths: Vec<String>,
}

/// One request of the table.
struct Entry {
    method: Method,
    path: String,
    access: String,
}

impl Golden {
    fn load() -> Self {
        serde_json::from_str(include_str!("../../access.json")).unwrap()
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.rows.iter().flat_map(|row| {
            row.methods.iter().flat_map(move |method| {
                row.paths.iter().map(move |path| Entry {
                    method: method.parse().unwrap(),
                    path: path.clone(),
                    access: row.access.clone(),
                })
            })
        })
    }

    /// Each request of the table on each host, below each prefix that the API has there.
    fn entries_on_hosts(&self) -> impl Iterator<Item = (&Host, Entry)> {
        self.hosts.iter().flat_map(move |host| {
            host.prefixes.iter().flat_map(move |prefix| {
                self.entries().map(move |entry| (host, Entry { path: format!("{prefix}{}", entry.path), ..entry }))
            })
        })
    }
}

impl Entry {
    fn documented(&self) -> Option<Access> {
        match &*self.access {
            "read-only" => Some(Access::ReadOnly),
            "read/write" | "disputed" => Some(Access::ReadWrite),
            "owner" | "owner, or open" => Some(Access::Owner),
            "undocumented" => None,
            access => panic!("{access}"),
        }
    }

    /// What a client asks for, as the table of what is sent calls it.
    fn asked_of_client(&self) -> &str {
        match &*self.access {
            "disputed" | "undocumented" if matches!(self.method, Method::GET | Method::HEAD) => "open",
            "disputed" | "undocumented" => "read/write",
            access => access,
        }
    }
}

impl Sent {
    fn credentials(&self) -> Credentials {
        let mut held = self.held.iter().map(String::as_str);
        let first = match held.next().unwrap() {
            "read-only" => Credentials::read_only(READ_ONLY_KEY),
            "read/write" => Credentials::read_write(READ_WRITE_KEY),
            "platform" => Credentials::platform(PLATFORM_KEY),
            "owner" => Credentials::owner(KEY_ID, OWNER_KEY),
            key => panic!("{key}"),
        };
        held.try_fold(first.unwrap(), with_key).unwrap()
    }

    fn on(&self, kind: HostKind) -> &HashMap<String, Option<String>> {
        match kind {
            HostKind::InsightopsHost => &self.insightops_host,
            HostKind::PlatformHost => &self.platform_host,
        }
    }
}

fn with_key(credentials: Credentials, key: &str) -> Result<Credentials, CredentialsError> {
    match key {
        "read-only" => credentials.with_read_only(READ_ONLY_KEY),
        "read/write" => credentials.with_read_write(READ_WRITE_KEY),
        "platform" => credentials.with_platform(PLATFORM_KEY),
        "owner" => credentials.with_owner(KEY_ID, OWNER_KEY),
        key => panic!("{key}"),
    }
}

#[test]
fn documented_access_is_the_golden_one_in_any_spelling() {
    for entry in Golden::load().entries() {
        let Entry { method, path, .. } = &entry;
        for (prefix, path) in [("", path.clone()), ("/log_search", path.clone()), ("/LOG_Search", path.to_uppercase())]
        {
            for ending in ["", "/", "//", "?", "?limit=5", "/?next=/management/accounts/acme/"] {
                let path = format!("{prefix}{path}{ending}");
                assert_eq!(Access::documented(method, &path), entry.documented(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn client_sends_the_golden_key_to_each_host() {
    let golden = Golden::load();
    let mut sets = BTreeSet::new();
    for sent in &golden.sent {
        sets.insert(sent.held.clone());
        let layer = LogentriesAuthLayer::new(sent.credentials());
        for (host, entry) in golden.entries_on_hosts() {
            let Entry { method, path, .. } = &entry;
            let uri = format!("{}{path}", host.origin);
            let request = Request::builder().method(method).uri(&uri).body(Full::<bytes::Bytes>::default()).unwrap();
            let passed = match pass(&layer, request).await {
                Ok(request) => Some(name_of_key(&request)),
                Err(AuthError::InsufficientAccess { required, .. }) => {
                    assert_eq!(required, entry.documented().unwrap_or(Access::ReadWrite), "{method} {uri}");
                    None
                }
                Err(error) => panic!("{method} {uri}: {error}"),
            };
            let expected = sent.on(host.kind)[entry.asked_of_client()].as_deref();
            assert_eq!(passed, expected, "{method} {uri} by a client with {:?}", sent.held);
        }
    }
    assert_eq!(sets.len(), 15, "every set of four keys but the empty one");
}

#[tokio::test]
async fn verifier_requires_the_golden_access_on_each_host() {
    let golden = Golden::load();
    let keys = credentials().with_platform(PLATFORM_KEY).unwrap();
    let layer = LogentriesVerifyLayer::new(keys).clock(at(SIGNED_AT));
    for (host, entry) in golden.entries_on_hosts() {
        let Entry { method, path, .. } = &entry;
        let to_host = |mut request: Request<Body>| {
            let name = host.origin.strip_prefix("https://").unwrap();
            request.headers_mut().insert(HOST, HeaderValue::from_str(name).unwrap());
            request
        };
        let required = entry.documented().unwrap_or(Access::ReadWrite);
        for (key, granted) in
            [(READ_ONLY_KEY, Access::ReadOnly), (READ_WRITE_KEY, Access::ReadWrite), (PLATFORM_KEY, Access::ReadWrite)]
        {
            let request = to_host(with_api_key(method.as_str(), path, key));
            match present(&layer, request).await {
                Ok(_) => assert!(granted >= required, "{method} {path} passed with {granted}"),
                Err(rejection) => {
                    let Reason::Forbidden { required: named, .. } = rejection.reason() else { panic!("{rejection}") };
                    assert!(granted < required && *named == required, "{method} {path} with {granted} took {named}");
                }
            }
        }
        let signed = TestRequest { method: method.as_str(), target: path, ..TestRequest::LIST };
        present(&layer, to_host(signed.request())).await.unwrap();
    }
}

#[test]
fn every_row_cites_a_source_with_an_address() {
    let golden = Golden::load();
    for Row { access, source, paths, .. } in &golden.rows {
        let is_cited = golden.sources.keys().any(|name| source.contains(&**name));
        assert!(is_cited || source.starts_with("none") && matches!(&**access, "owner" | "undocumented"), "{paths:?}");
    }
}

/// The operations of Rapid7's description that name a key. Where the golden table has them as disputed, the stronger one
/// of the sources counts.
#[test]
fn described_operations_take_at_least_the_described_key() {
    let described: Vec<(Method, String, Access)> = openapi();
    assert_eq!(described.len(), 86);
    // Read-only by the description, read/write by Rapid7's page.
    let stronger = ["/download/logs"];
    for (method, path, access) in described {
        let documented = Access::documented(&method, &path);
        let expected = if stronger.contains(&&*path) { Access::ReadWrite } else { access };
        assert_eq!(documented, Some(expected), "{method} {path}");
    }
}

fn openapi() -> Vec<(Method, String, Access)> {
    let rows: Vec<(String, String, String)> = serde_json::from_str(include_str!("../../openapi_access.json")).unwrap();
    let access = |short: &str| match short {
        "ro" => Access::ReadOnly,
        "rw" => Access::ReadWrite,
        short => panic!("{short}"),
    };
    let read = |(method, path, short): (String, String, String)| {
        // An id in the place of each `{id}`.
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "7" } else { segment });
        (method.parse().unwrap(), segments.collect::<Vec<_>>().join("/"), access(&short))
    };
    rows.into_iter().map(read).collect()
}

/// Both layers take the description's word, too: a client with all keys sends the one that a verifier accepts.
#[tokio::test]
async fn described_operations_are_accepted_with_the_key_that_a_client_sends() {
    let client = LogentriesAuthLayer::new(credentials());
    let server = LogentriesVerifyLayer::new(credentials());
    for (method, path, _) in openapi() {
        let uri = format!("https://rest.logentries.com{path}");
        let request = Request::builder().method(&method).uri(&uri).body(Body::empty()).unwrap();
        let sent = pass(&client, request).await.unwrap();
        assert_ne!(name_of_key(&sent), "owner", "{method} {path}");
        present(&server, sent).await.unwrap();
    }
}

#[test]
fn nothing_documents_other_paths() {
    for path in ["", "/", "*", "/management/accounts//users", "/management//accounts/acme", "//management/logs"] {
        assert_eq!(Access::documented(&Method::GET, path), None, "{path}");
    }
}

proptest! {
    #[test]
    fn case_and_ending_never_change_access(
        segments in prop::collection::vec("management|accounts|users|apikeys|logs|query|acme|[a-z]{0,3}", 0..6),
        ending in "/{0,3}(\\?[a-z/=]{0,9})?",
    ) {
        let path = format!("/{}", segments.join("/"));
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
            let method = method.parse().unwrap();
            let access = Access::documented(&method, &path);
            prop_assert_eq!(Access::documented(&method, &path.to_uppercase()), access);
            prop_assert_eq!(Access::documented(&method, &format!("{path}{ending}")), access);
        }
    }

    #[test]
    fn change_is_never_made_with_a_read_only_key(text in any::<String>(), method in "PUT|PATCH|DELETE|PURGE") {
        let access = Access::documented(&method.parse().unwrap(), &text);
        prop_assert!(access.is_none_or(|access| access >= Access::ReadWrite));
    }
}
