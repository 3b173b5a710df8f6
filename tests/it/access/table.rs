//! The golden table of keys, `tests/access.json`: for each resource and each host, which key a client sends and which
//! access a verifier requires. It was written from Rapid7's pages, not from the code.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use http::{HeaderValue, Method, Request, header::HOST};
use http_body_util::Full;
use serde::Deserialize;
use tower_logentries_auth::{
    Access, AuthError, Credentials, CredentialsError, LogentriesAuthLayer, LogentriesVerifyLayer, Rejection,
};

use crate::support::{
    KEY_ID, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY, SIGNED_AT, at, credentials,
    inner::{name_of_key, pass},
    verifying::{TestRequest, present, with_api_key},
};

#[derive(Deserialize)]
struct Golden {
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
        serde_json::from_str(include_str!("../access.json")).unwrap()
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
            "owner" => Some(Access::Owner),
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
                let required = entry.documented().unwrap_or(Access::ReadWrite);
                assert_eq!(Access::required_for(method, &path), required, "{method} {path}");
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
                Err(AuthError::InsufficientAccess { required }) => {
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
                Err(Rejection::Forbidden { required: named, .. }) => {
                    assert!(granted < required && named == required, "{method} {path} with {granted} took {named}");
                }
                Err(rejection) => panic!("{method} {path}: {rejection}"),
            }
        }
        let signed = TestRequest { method: method.as_str(), target: path, ..TestRequest::LIST };
        present(&layer, to_host(signed.request())).await.unwrap();
    }
}

/// A row of the table in the documentation of [`Access::documented`].
struct DocsRow {
    /// The templates of its paths, and whether what is below them belongs to it.
    resources: Vec<(String, bool)>,
    methods: DocsMethods,
    access: String,
}

#[derive(Clone)]
enum DocsMethods {
    Any,
    Only(Vec<String>),
    AnyBut(Vec<String>),
}

impl DocsRow {
    fn all() -> Vec<Self> {
        let lines =
            include_str!("../../src/access/mod.rs").lines().filter_map(|line| line.trim().strip_prefix("/// | "));
        let mut rows: Vec<Self> = Vec::new();
        for line in lines.filter(|line| !line.starts_with("resource |")) {
            let cells: Vec<_> = line.split(" | ").collect();
            let resources = match (cells[0], rows.last()) {
                ("the same", Some(previous)) => previous.resources.clone(),
                (cell, _) => Self::resources(cell),
            };
            let methods = match (cells[1], rows.last().map(|row| row.methods.clone())) {
                ("any", _) => DocsMethods::Any,
                ("others", Some(DocsMethods::Only(previous))) => DocsMethods::AnyBut(previous),
                (cell, _) => DocsMethods::Only(cell.split(", ").map(|name| name.trim_matches('`').into()).collect()),
            };
            rows.push(Self { resources, methods, access: cells[2].to_owned() });
        }
        rows
    }

    /// Reads "`/management/logs`, `logsets`, and below".
    fn resources(cell: &str) -> Vec<(String, bool)> {
        let mut resources: Vec<(String, bool)> = Vec::new();
        for part in cell.split(", ") {
            if part == "and below" {
                resources.iter_mut().for_each(|(_, below)| *below = true);
                continue;
            }
            let name = part.trim_matches('`');
            let template = match (name.strip_prefix('/'), resources.last()) {
                (None, Some((sibling, _))) => format!("{}/{name}", sibling.rsplit_once('/').unwrap().0),
                _ => name.to_owned(),
            };
            resources.push((template, false));
        }
        resources
    }

    fn covers(&self, method: &str, path: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == method);
        let has_method = match &self.methods {
            DocsMethods::Any => true,
            DocsMethods::Only(names) => named(names),
            DocsMethods::AnyBut(names) => !named(names),
        };
        has_method && self.resources.iter().any(|(template, below)| matches_template(template, *below, path))
    }
}

fn matches_template(template: &str, below: bool, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = if below { path.len() >= template.len() } else { path.len() == template.len() };
    fits && template.iter().zip(&path).all(|(name, segment)| name.starts_with('{') || name == segment)
}

#[test]
fn documentation_has_the_golden_rows_and_no_others() {
    let rows = DocsRow::all();
    let mut used = BTreeSet::new();
    for Entry { method, path, access } in Golden::load().entries() {
        let row = rows.iter().position(|row| row.covers(method.as_str(), &path));
        let documented = row.map_or("undocumented", |row| &*rows[row].access);
        assert_eq!(documented, access, "{method} {path}");
        used.extend(row);
    }
    assert!(!rows.is_empty());
    assert_eq!(used.len(), rows.len(), "each row of the documentation has a request in the golden table");
}
