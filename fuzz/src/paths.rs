//! The path check, the table, mounts and a stripped prefix, against a model and a reader of their own, and against axum's
//! router.

use arbitrary::Arbitrary;
use axum::{Router, routing::any};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tower::ServiceExt;
use tower_logentries_auth::{
    Access, Credentials, LogentriesVerifyLayer,
    server::{Malformed, Reason},
};

use super::{METHODS, READ_ONLY_KEY, READ_WRITE_KEY, block_on, credentials, now, parse, verify_with};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// Which method, and which [`Setting`].
    method: u8,
    path: &'a str,
}

/// How a layer is configured.
struct Setting {
    stripped: &'static str,
    mounts: &'static [&'static str],
}

const SETTINGS: [Setting; 6] = [
    Setting { stripped: "", mounts: &[] },
    Setting { stripped: "", mounts: &["/api", "/api/v1"] },
    Setting { stripped: "", mounts: &["/{any}"] },
    Setting { stripped: "", mounts: &["/management/accounts/{id}"] },
    Setting { stripped: "/api", mounts: &["/api/v1"] },
    Setting { stripped: "/management", mounts: &[] },
];

impl Setting {
    fn layer(&self) -> LogentriesVerifyLayer<Credentials> {
        let layer = LogentriesVerifyLayer::new(credentials()).clock(now).stripped_prefix(self.stripped);
        self.mounts.iter().fold(layer, |layer, mount| layer.mounted_at(mount))
    }

    fn whole(&self, path: &str) -> String {
        if path == "/" && !self.stripped.is_empty() {
            self.stripped.to_owned()
        } else {
            format!("{}{path}", self.stripped)
        }
    }

    /// The access that is required of an API key, or `None` if the path is malformed.
    fn required(&self, method: &Method, path: &str) -> Option<Access> {
        let whole = self.whole(path);
        if !is_well_formed(&whole) {
            return None;
        }
        let segments: Vec<_> = whole.trim_matches('/').split('/').map(str::to_ascii_lowercase).collect();
        if has_owners(method, &segments) {
            return Some(Access::Owner);
        }
        let mounts = self.mounts.iter().chain([&self.stripped]);
        let below = mounts.filter_map(|mount| below_mount(mount, &whole)).min_by_key(String::len);
        Some(documented(method, below.as_deref().unwrap_or(&whole)).unwrap_or(Access::ReadWrite))
    }
}

pub fn run(data: &[u8]) {
    let Some(Input { method, path }) = parse(data) else { return };
    let setting = &SETTINGS[usize::from(method) / METHODS.len() % SETTINGS.len()];
    let method: Method = METHODS[usize::from(method) % METHODS.len()].parse().expect("a token");
    let Ok(uri) = format!("/{}", path.trim_start_matches('/')).parse::<Uri>() else { return };

    assert_eq!(Access::documented(&method, uri.path()), documented(&method, uri.path()), "{method} {uri}");

    let request = |key| {
        let head = Request::builder().method(method.clone()).uri(uri.clone()).header("x-api-key", key);
        head.body(Full::<Bytes>::default()).expect("well-formed")
    };
    let required = setting.required(&method, uri.path());
    for (key, granted) in [(READ_ONLY_KEY, Access::ReadOnly), (READ_WRITE_KEY, Access::ReadWrite)] {
        match (verify_with(&setting.layer(), request(key)), required) {
            (Ok(_), Some(required)) => assert!(granted >= required, "{method} {uri} passed with {granted}"),
            (Ok(_), None) => panic!("{method} {uri} is malformed and passed"),
            (Err(rejection), required) => match (rejection.reason(), required) {
                (Reason::Malformed(Malformed::Path), None) => {}
                (Reason::Forbidden { required: named, .. }, Some(required)) => {
                    assert!(granted < required && *named == required, "{method} {uri} requires {named}");
                }
                (reason, required) => panic!("{method} {uri}: {reason} instead of {required:?}"),
            },
        }
    }
    if verify_with(&setting.layer(), request(READ_WRITE_KEY)).is_ok() {
        let read = read_loosely(&setting.whole(uri.path()));
        assert!(!has_owners(&method, &read), "{method} {uri} may be read as {read:?}");
    }
    let response = block_on(owners_routes().oneshot(request(READ_WRITE_KEY).map(axum::body::Body::new)));
    let status = response.unwrap_or_else(|never| match never {}).status();
    assert_ne!(status, StatusCode::IM_A_TEAPOT, "{method} {uri} reached an owner's handler with a read/write key");
}

/// An axum service whose handlers of owner's resources must not be reached.
fn owners_routes() -> Router {
    let teapot = || any(async || StatusCode::IM_A_TEAPOT);
    Router::new()
        .route("/management/accounts/{id}", teapot())
        .route("/management/accounts/{id}/users", teapot())
        .route("/management/accounts/{id}/users/{*rest}", teapot())
        .route("/management/accounts/{id}/owners", teapot())
        .route("/management/accounts/{id}/owners/{*rest}", teapot())
        .fallback(async || StatusCode::OK)
        .layer(LogentriesVerifyLayer::new(credentials()).clock(now))
}

/// The table once more: the rows in their order, a pattern being segments, `*` for one and `**` for any number.
fn documented(method: &Method, path: &str) -> Option<Access> {
    use Access::{Owner, ReadOnly, ReadWrite};
    let reads = [Method::GET, Method::HEAD].contains(method);
    let options = *method == Method::OPTIONS;
    let either = Some(if reads { ReadOnly } else { ReadWrite });
    let if_reads = |access| reads.then_some(access);
    let rows = [
        ("query/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("query/live/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("audit/query/logs", (*method == Method::POST).then_some(ReadOnly)),
        ("query/**", either),
        ("management/logs/**", either),
        ("management/logsets/**", either),
        ("management/labels/**", either),
        ("management/metrics/**", either),
        ("management/targets/**", either),
        ("management/actions", if_reads(ReadOnly)),
        ("management/actions/*/targets", if_reads(ReadOnly)),
        ("management/actions/*", if_reads(ReadWrite)),
        ("management/tags/**", if_reads(ReadWrite)),
        ("management/actions/**", (!reads).then_some(ReadWrite)),
        ("management/tags/**", (!reads).then_some(ReadWrite)),
        ("management/archiving/**", Some(ReadWrite)),
        ("management/organizations/apikeys", if_reads(ReadWrite)),
        ("download/logs", if_reads(ReadWrite)),
        ("download/logs/*", if_reads(ReadWrite)),
        ("usage/**", if_reads(ReadWrite)),
        ("exports/**", if_reads(ReadOnly)),
        ("search-stats/**", if_reads(ReadOnly)),
        ("audit/**", if_reads(ReadOnly)),
        ("exports/*", (*method == Method::DELETE).then_some(ReadWrite)),
        ("management/accounts/*/apikeys/**", Some(if reads || options { ReadWrite } else { Owner })),
        ("management/accounts/*/teams/**", Some(ReadWrite)),
        ("management/accounts/*/**", Some(Owner)),
    ];
    let path = path.to_ascii_lowercase();
    let path = path.strip_prefix('/').unwrap_or(&path).trim_end_matches('/');
    let path: Vec<_> = path.strip_prefix("log_search/").unwrap_or(path).split('/').collect();
    rows.into_iter().find_map(|(pattern, access)| access.filter(|_| matches(pattern, &path)))
}

fn matches(pattern: &str, path: &[&str]) -> bool {
    let mut path = path.iter();
    for segment in pattern.split('/') {
        match (segment, path.next()) {
            ("**", _) => return true,
            ("*", Some(segment)) if !segment.is_empty() => {}
            (name, Some(segment)) if name == *segment => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

/// What is left below a mount.
fn below_mount(mount: &str, path: &str) -> Option<String> {
    let mount: Vec<_> = mount.split('/').filter(|segment| !segment.is_empty()).collect();
    let path: Vec<_> = path.strip_prefix('/')?.split('/').collect();
    let (above, below) = path.split_at_checked(mount.len())?;
    let fits = above.iter().zip(&mount).all(|(a, m)| a == m || m.starts_with('{') && !a.is_empty());
    (fits && !mount.is_empty()).then(|| format!("/{}", below.join("/")))
}

/// Whether every parser reads the same, visible text in each segment.
fn is_well_formed(path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return path == "*" };
    path.is_empty() || path.strip_suffix('/').unwrap_or(path).split('/').all(is_well_formed_segment)
}

fn is_well_formed_segment(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let text = match bytes[at] {
            b'%' => segment.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => Some(bytes[at]),
        };
        let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
        let is_good = match (bytes[at], text) {
            (b'%', Some(b)) => {
                bytes[at + 1..at + 3].iter().all(is_hex)
                    && (b'!'..=b'~').contains(&b)
                    && !(b.is_ascii_alphanumeric() || b"-._~/\\;?#%".contains(&b))
            }
            (_, Some(b)) => (b'!'..=b'~').contains(&b) && !b"#;\\\"<>^{|}`".contains(&b),
            (_, None) => false,
        };
        if !is_good {
            return false;
        }
        at += if bytes[at] == b'%' { 3 } else { 1 };
    }
    !["", ".", ".."].contains(&segment)
}

/// The segments that a server would see which decodes, folds, trims and resolves all that any server does.
fn read_loosely(path: &str) -> Vec<String> {
    let mut bytes = path.as_bytes().to_vec();
    while let Some(decoded) = decode_once(&bytes) {
        bytes = decoded;
    }
    let text: String = String::from_utf8_lossy(&bytes).chars().filter_map(fold).flat_map(char::to_lowercase).collect();
    let mut segments = Vec::new();
    for segment in text.replace('\\', "/").split('/').map(|s| s.split([';', '?', '#', '\0']).next().unwrap_or_default())
    {
        match segment.trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

fn fold(letter: char) -> Option<char> {
    match letter {
        'ſ' => Some('s'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xff01 + 0x21),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        letter => Some(letter),
    }
}

/// Returns `None` if nothing is encoded.
fn decode_once(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(3).position(|w| w[0] == b'%' && w[1..].iter().all(u8::is_ascii_hexdigit))?;
    let byte = u8::from_str_radix(std::str::from_utf8(&bytes[at + 1..at + 3]).ok()?, 16).ok()?;
    Some([&bytes[..at], &[byte], &bytes[at + 3..]].concat())
}

/// Whether an owner's resource starts at any segment: an account and all below it but its teams, and reads of its API keys.
fn has_owners(method: &Method, segments: &[String]) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    (0..segments.len()).any(|at| match &segments[at..] {
        [management, accounts, _, below @ ..] if management == "management" && accounts == "accounts" => {
            match below.first().map(String::as_str) {
                Some("teams") => false,
                Some("apikeys") => !reads,
                _ => true,
            }
        }
        _ => false,
    })
}
