//! The table of [`Access::documented`]. Its documentation, `table.md`, is made from it by the test below.

use http::Method;

use super::Access;
use crate::scheme::trim_slashes;

/// What the sources say about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documented {
    As(Access),
    /// Some sources say read-only, others read/write.
    Disputed,
    /// Most sources say owner, one says that a read/write key suffices.
    OwnerOrOpen,
    Nowhere,
}

/// The resources below a first segment.
struct Root {
    segment: &'static str,
    rows: &'static [Row],
}

/// Resources that require the same access. The first row that matches counts.
struct Row {
    methods: Methods,
    /// Paths below the root. `{..}` is any one segment, and a last `**` is everything from there down, or nothing.
    resources: &'static [&'static str],
    access: Documented,
    #[cfg(test)]
    sources: &'static str,
}

#[derive(Clone, Copy)]
enum Methods {
    Reads,
    ReadsAndOptions,
    Post,
    Delete,
    Others,
    Any,
}

use Documented::{As, Disputed, OwnerOrOpen};
use Methods::{Any, Delete, Others, Post, Reads, ReadsAndOptions};

const READ_ONLY: Documented = As(Access::ReadOnly);
const READ_WRITE: Documented = As(Access::ReadWrite);
const OWNER: Documented = As(Access::Owner);

#[cfg_attr(not(test), expect(unused_variables))] // the sources are for the documentation
const fn row(methods: Methods, resources: &'static [&'static str], access: Documented, sources: &'static str) -> Row {
    Row {
        methods,
        resources,
        access,
        #[cfg(test)]
        sources,
    }
}

const TABLE: &[Root] = &[
    Root {
        segment: "management",
        rows: &[
            row(Reads, LOGS, READ_ONLY, "[OpenAPI], [client]"),
            row(Any, LOGS, READ_WRITE, "[OpenAPI], [client]"),
            row(Reads, &["accounts/{id}/users"], OwnerOrOpen, "owner: [guide], [client]; read/write: [GetUsers]"),
            row(Any, &["accounts/{id}"], OWNER, "[guide], [GetAccount]"),
            row(Any, &["accounts/{id}/users/**", "accounts/{id}/owners/**"], OWNER, "[guide], [client]"),
            row(ReadsAndOptions, &["accounts/{id}/apikeys/**"], READ_WRITE, "[client]"),
            row(Any, &["accounts/{id}/apikeys/**"], OWNER, "[client]"),
            row(Any, &["accounts/{id}/teams/**"], READ_WRITE, "[client]"),
            row(Any, &["accounts/{id}/**"], OWNER, "none: the safe reading"),
            row(Reads, &["actions", "actions/{id}/targets"], READ_ONLY, "[OpenAPI]"),
            row(Reads, &["actions/{id}"], Disputed, "[OpenAPI]: read/write, where its list is read-only"),
            row(Reads, &["tags/**"], Disputed, "read-only: [get-tag]; read/write: [OpenAPI]"),
            row(Others, &["actions/**", "tags/**"], READ_WRITE, "[post-tag], [put-tag], [OpenAPI]"),
            row(Any, &["archiving/**"], READ_WRITE, "[OpenAPI]"),
            row(Reads, &["organizations/apikeys"], READ_WRITE, "[get-api-key]"),
        ],
    },
    Root {
        segment: "query",
        rows: &[
            row(Post, &["logs", "live/logs"], READ_ONLY, "[post-query], [OpenAPI]"),
            row(Reads, &["**"], READ_ONLY, "[get-query], [get-saved-query], [OpenAPI]"),
            row(Any, &["**"], READ_WRITE, "[OpenAPI], [client]"),
        ],
    },
    Root {
        segment: "audit",
        rows: &[row(Post, &["query/logs"], READ_ONLY, "[OpenAPI]"), row(Reads, &["**"], READ_ONLY, "[OpenAPI]")],
    },
    Root {
        segment: "exports",
        rows: &[row(Reads, &["**"], READ_ONLY, "[OpenAPI]"), row(Delete, &["{id}"], READ_WRITE, "[OpenAPI]")],
    },
    Root { segment: "search-stats", rows: &[row(Reads, &["**"], READ_ONLY, "[OpenAPI]")] },
    Root { segment: "usage", rows: &[row(Reads, &["**"], READ_WRITE, "[get-account-usage], [get-logs-usage]")] },
    Root {
        segment: "download",
        rows: &[row(Reads, &["logs", "logs/{ids}"], Disputed, "read/write: [get-download-log]; read-only: [OpenAPI]")],
    },
];

const LOGS: &[&str] = &["logs/**", "logsets/**", "labels/**", "metrics/**", "targets/**"];

impl Documented {
    /// Returns what is documented for a path without a query.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        Self::of_resource(method, resource(path))
    }

    /// Returns what is documented for what [`resource`] returned.
    pub(super) fn of_resource(method: &Method, resource: &str) -> Self {
        let (segment, below) = resource.split_once('/').unwrap_or((resource, ""));
        let root = TABLE.iter().find(|root| root.segment.eq_ignore_ascii_case(segment));
        let mut rows = root.map_or(&[][..], |root| root.rows).iter();
        rows.find(|row| row.matches(method, below)).map_or(Self::Nowhere, |row| row.access)
    }

    /// Returns the access that is documented: the strongest, if that is disputed.
    pub(super) fn strongest(self) -> Option<Access> {
        match self {
            Self::As(access) => Some(access),
            Self::Disputed => Some(Access::ReadWrite),
            Self::OwnerOrOpen => Some(Access::Owner),
            Self::Nowhere => None,
        }
    }
}

impl Row {
    fn matches(&self, method: &Method, path: &str) -> bool {
        self.methods.include(method) && self.resources.iter().any(|resource| matches(resource, path))
    }
}

impl Methods {
    fn include(self, method: &Method) -> bool {
        match self {
            Self::Reads => reads(method),
            Self::ReadsAndOptions => reads(method) || *method == Method::OPTIONS,
            Self::Post => *method == Method::POST,
            Self::Delete => *method == Method::DELETE,
            Self::Others => !reads(method),
            Self::Any => true,
        }
    }
}

fn matches(resource: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for expected in resource.split('/') {
        let segment = segments.next();
        match (expected, segment) {
            ("**", _) => return true,
            (_, Some(segment)) if expected.starts_with('{') && !segment.is_empty() => {}
            (_, Some(segment)) if expected.eq_ignore_ascii_case(segment) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns what the table looks up for a path: no slashes around it, and no `log_search` before it.
pub(super) fn resource(path: &str) -> &str {
    let path = trim_slashes(path);
    match path.split_once('/') {
        Some((prefix, below)) if prefix.eq_ignore_ascii_case("log_search") => below,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    /// Where the documentation of the table is.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/access/table.md");

    /// The addresses of the sources that the rows cite.
    const SOURCES: &[(&str, &str)] = &[
        ("guide", "https://github.com/LogentriesCommunity/Logentries-REST-Examples/blob/HEAD/Authentication.md"),
        (
            "GetAccount",
            "https://github.com/LogentriesCommunity/Logentries-REST-Examples/blob/HEAD/Account/GetAccount.md",
        ),
        ("GetUsers", "https://github.com/LogentriesCommunity/Logentries-REST-Examples/blob/HEAD/Users/GetUsers.md"),
        ("OpenAPI", "https://github.com/ChrisMcKee/rapid7insightops-go/blob/HEAD/api/openapi.yaml"),
        ("client", "https://pypi.org/project/logentries-lecli/1.1.1/"),
        ("get-query", "https://docs.rapid7.com/insightops/get-query/"),
        ("post-query", "https://docs.rapid7.com/insightops/post-query/"),
        ("get-saved-query", "https://docs.rapid7.com/insightops/get-saved-query/"),
        ("get-tag", "https://docs.rapid7.com/insightops/get-tag/"),
        ("post-tag", "https://docs.rapid7.com/insightops/post-tag/"),
        ("put-tag", "https://docs.rapid7.com/insightops/put-tag/"),
        ("get-download-log", "https://docs.rapid7.com/insightops/get-download-log/"),
        ("get-account-usage", "https://docs.rapid7.com/insightops/get-account-usage/"),
        ("get-logs-usage", "https://docs.rapid7.com/insightops/get-logs-usage/"),
        ("get-api-key", "https://docs.rapid7.com/insightops/get-api-key/"),
    ];

    /// Run it with `WRITE_TABLE=1` to write the documentation after a change of the table.
    #[test]
    fn documentation_shows_the_table() {
        let page = page();
        if env::var_os("WRITE_TABLE").is_some() {
            fs::write(PAGE, &page).unwrap();
        }
        assert_eq!(fs::read_to_string(PAGE).unwrap(), page);
    }

    #[test]
    fn rows_cite_sources_that_have_an_address() {
        let rows = TABLE.iter().flat_map(|root| root.rows);
        for cited in rows.flat_map(|row| row.sources.split('[').skip(1)) {
            let name = cited.split(']').next().unwrap();
            assert!(SOURCES.iter().any(|(source, _)| *source == name), "{name}");
        }
    }

    fn page() -> String {
        let mut page = "| resource | method | access | source |\n|---|---|---|---|\n".to_owned();
        for root in TABLE {
            page.extend(root.rows.iter().map(|row| line(root.segment, row)));
        }
        page.push('\n');
        page.extend(SOURCES.iter().map(|(name, address)| format!("[{name}]: {address}\n")));
        page
    }

    fn line(root: &str, row: &Row) -> String {
        let resources: Vec<_> = row.resources.iter().map(|resource| resource_text(root, resource)).collect();
        let (resources, methods, access) = (resources.join(", "), methods_text(row.methods), access_text(row.access));
        format!("| {resources} | {methods} | {access} | {} |\n", row.sources)
    }

    fn resource_text(root: &str, resource: &str) -> String {
        match resource.strip_suffix("**") {
            Some(above) => format!("`{}` and below", format!("/{root}/{above}").trim_end_matches('/')),
            None => format!("`/{root}/{resource}`"),
        }
    }

    fn methods_text(methods: Methods) -> &'static str {
        match methods {
            Reads => "`GET`, `HEAD`",
            ReadsAndOptions => "`GET`, `HEAD`, `OPTIONS`",
            Post => "`POST`",
            Delete => "`DELETE`",
            Others => "any but `GET` and `HEAD`",
            Any => "any other",
        }
    }

    fn access_text(access: Documented) -> String {
        match access {
            As(access) => access.to_string(),
            Disputed => "disputed".to_owned(),
            OwnerOrOpen => "owner, or open".to_owned(),
            Documented::Nowhere => unreachable!("no row says so"),
        }
    }
}
