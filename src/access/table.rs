//! The table of [`Access::documented`]. Its documentation, `table.md`, is made from it by the test below.

use http::Method;

use super::{Access, Required};
use crate::scheme::trim_slashes;

/// Resources that require the same access, and the sources that say so.
type Row = (Methods, &'static [Pattern], Required, &'static str);

/// Resources by their segments below a root. `{..}` is any one.
enum Pattern {
    At(&'static [&'static str]),
    /// The resource itself, and everything below it.
    Below(&'static [&'static str]),
}

/// Whether a row is about a method.
type Methods = fn(&Method) -> bool;

const READS: Methods = reads;
const READS_AND_OPTIONS: Methods = |method| reads(method) || *method == Method::OPTIONS;
const POST: Methods = |method| *method == Method::POST;
const DELETE: Methods = |method| *method == Method::DELETE;
const OTHERS: Methods = |method| !reads(method);
const ANY: Methods = |_| true;

use Pattern::{At, Below};
use Required::{Open, OwnerOrOpen};

const READ_ONLY: Required = Required::As(Access::ReadOnly);
const READ_WRITE: Required = Required::As(Access::ReadWrite);
const OWNER: Required = Required::As(Access::Owner);

/// Rows by their root. Of the first root that a path begins with, the first row that matches counts.
const TABLE: &[(&[&str], &[Row])] = &[
    (
        &["management", "accounts"],
        &[
            (READS, &[At(&["{id}", "users"])], OwnerOrOpen, "owner: [guide], [client]; read/write: [GetUsers]"),
            (ANY, &[At(&["{id}"])], OWNER, "[guide], [GetAccount]"),
            (ANY, &[Below(&["{id}", "users"]), Below(&["{id}", "owners"])], OWNER, "[guide], [client]"),
            (READS_AND_OPTIONS, &[Below(&["{id}", "apikeys"])], READ_WRITE, "[client]"),
            (ANY, &[Below(&["{id}", "apikeys"])], OWNER, "[client]"),
            (ANY, &[Below(&["{id}", "teams"])], READ_WRITE, "[client]"),
            (ANY, &[Below(&["{id}"])], OWNER, "none: the safe reading"),
        ],
    ),
    (
        &["management"],
        &[
            (READS, LOGS, READ_ONLY, "[OpenAPI], [client]"),
            (ANY, LOGS, READ_WRITE, "[OpenAPI], [client]"),
            (READS, &[At(&["actions"]), At(&["actions", "{id}", "targets"])], READ_ONLY, "[OpenAPI]"),
            (READS, &[At(&["actions", "{id}"])], Open, "[OpenAPI]: read/write, where its list is read-only"),
            (READS, &[Below(&["tags"])], Open, "read-only: [get-tag]; read/write: [OpenAPI]"),
            (OTHERS, &[Below(&["actions"]), Below(&["tags"])], READ_WRITE, "[post-tag], [put-tag], [OpenAPI]"),
            (ANY, &[Below(&["archiving"])], READ_WRITE, "[OpenAPI]"),
            (READS, &[At(&["organizations", "apikeys"])], READ_WRITE, "[get-api-key]"),
        ],
    ),
    (
        &["query"],
        &[
            (POST, &[At(&["logs"]), At(&["live", "logs"])], READ_ONLY, "[post-query], [OpenAPI]"),
            (READS, ALL, READ_ONLY, "[get-query], [get-saved-query], [OpenAPI]"),
            (ANY, ALL, READ_WRITE, "[OpenAPI], [client]"),
        ],
    ),
    (&["audit"], &[(POST, &[At(&["query", "logs"])], READ_ONLY, "[OpenAPI]"), (READS, ALL, READ_ONLY, "[OpenAPI]")]),
    (&["exports"], &[(READS, ALL, READ_ONLY, "[OpenAPI]"), (DELETE, &[At(&["{id}"])], READ_WRITE, "[OpenAPI]")]),
    (&["search-stats"], &[(READS, ALL, READ_ONLY, "[OpenAPI]")]),
    (&["usage"], &[(READS, ALL, READ_WRITE, "[get-account-usage], [get-logs-usage]")]),
    (
        &["download"],
        &[(
            READS,
            &[At(&["logs"]), At(&["logs", "{ids}"])],
            Open,
            "read/write: [get-download-log]; read-only: [OpenAPI]",
        )],
    ),
];

const ALL: &[Pattern] = &[Below(&[])];
const LOGS: &[Pattern] =
    &[Below(&["logs"]), Below(&["logsets"]), Below(&["labels"]), Below(&["metrics"]), Below(&["targets"])];

/// The segments of the longest pattern with its root, plus one, so that a longer path matches no `At`.
const SEGMENTS: usize = 5;

/// Returns what is documented for a resource, without slashes around it and without `log_search`.
pub(super) fn documented(method: &Method, resource: &str) -> Option<Required> {
    let mut segments = [&b""[..]; SEGMENTS];
    let split = resource.as_bytes().split(|byte| *byte == b'/');
    let found = split.zip(&mut segments).map(|(segment, slot)| *slot = segment).count();
    let (segments, _) = segments.split_at(found);
    let (root, rows) = TABLE.iter().find(|(root, _)| Below(root).matches(segments))?;
    let (_, below) = segments.split_at(root.len());
    let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(below));
    rows.iter().find(|(methods, patterns, ..)| methods(method) && covers(patterns)).map(|(_, _, required, _)| *required)
}

impl Pattern {
    fn matches(&self, segments: &[&[u8]]) -> bool {
        let (names, fits) = match self {
            At(names) => (names, names.len() == segments.len()),
            Below(names) => (names, names.len() <= segments.len()),
        };
        let is =
            |(name, segment): (&&str, &&[u8])| is_name(name, segment) || name.starts_with('{') && !segment.is_empty();
        fits && names.iter().zip(segments).all(is)
    }
}

/// Tries equality first, because a path rarely has upper case letters.
fn is_name(name: &str, segment: &[u8]) -> bool {
    name.as_bytes() == segment || name.as_bytes().eq_ignore_ascii_case(segment)
}

pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns what the table looks up for a path: no slashes around it, and no `log_search` before it.
pub(super) fn resource(path: &str) -> &str {
    let path = trim_slashes(path);
    match path.split_at_checked("log_search/".len()) {
        Some((prefix, below)) if prefix.eq_ignore_ascii_case("log_search/") => below,
        _ => path,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test that can't go on should stop
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
        ("OpenAPI", "https://github.com/ChrisMcKee/rapid7insightops-go/blob/HEAD/api/openapi.yaml \"2024-11-19\""),
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
        for cited in rows().flat_map(|(_, (_, _, _, sources))| sources.split('[').skip(1)) {
            let name = cited.split(']').next().unwrap();
            assert!(SOURCES.iter().any(|(source, _)| *source == name), "{name}");
        }
    }

    fn page() -> String {
        let mut page = "| resource | method | access | source |\n|---|---|---|---|\n".to_owned();
        page.extend(rows().map(line));
        page.push('\n');
        page.extend(SOURCES.iter().map(|(name, address)| format!("[{name}]: {address}\n")));
        page
    }

    /// Returns all rows, each with its root.
    fn rows() -> impl Iterator<Item = (&'static [&'static str], &'static Row)> {
        TABLE.iter().flat_map(|(root, rows)| rows.iter().map(|row| (*root, row)))
    }

    fn line((root, (methods, resources, required, sources)): (&[&str], &Row)) -> String {
        let resources: Vec<_> = resources.iter().map(|resource| resource_text(root, resource)).collect();
        let (resources, methods, access) = (resources.join(", "), methods_text(*methods), access_text(*required));
        format!("| {resources} | {methods} | {access} | {sources} |\n")
    }

    fn resource_text(root: &[&str], pattern: &Pattern) -> String {
        let (segments, below) = match pattern {
            At(segments) => (segments, ""),
            Below(segments) => (segments, " and below"),
        };
        let path: String = root.iter().chain(*segments).map(|segment| format!("/{segment}")).collect();
        format!("`{path}`{below}")
    }

    fn methods_text(methods: Methods) -> &'static str {
        match [Method::GET, Method::OPTIONS, Method::POST, Method::DELETE].map(|method| methods(&method)) {
            [true, false, false, false] => "`GET`, `HEAD`",
            [true, true, false, false] => "`GET`, `HEAD`, `OPTIONS`",
            [false, false, true, false] => "`POST`",
            [false, false, false, true] => "`DELETE`",
            [false, true, true, true] => "any but `GET` and `HEAD`",
            _ => "any other",
        }
    }

    fn access_text(required: Required) -> String {
        if required == Open { "disputed".to_owned() } else { required.to_string() }
    }
}
