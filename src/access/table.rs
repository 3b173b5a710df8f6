//! The table of [`Access::documented`]. Its documentation, `table.md`, is made from it by the test below.

use std::iter;

use http::Method;

use super::{Access, Required};
use crate::scheme::trim_slashes;

/// Resources that require the same access, and the sources that say so. The first row that matches counts.
type Row = (Methods, &'static [Pattern], Required, &'static str);

/// The segments of a resource below its root, which is the first segment. `{..}` is any one, and a last `**` is everything
/// from there down, or nothing.
type Pattern = &'static [&'static str];

const REST: &str = "**";

/// Whether a row is about a method.
type Methods = fn(&Method) -> bool;

const READS: Methods = reads;
const READS_AND_OPTIONS: Methods = |method| reads(method) || *method == Method::OPTIONS;
const POST: Methods = |method| *method == Method::POST;
const DELETE: Methods = |method| *method == Method::DELETE;
const OTHERS: Methods = |method| !reads(method);
const ANY: Methods = |_| true;

use Required::{Open, OwnerOrOpen};

const READ_ONLY: Required = Required::As(Access::ReadOnly);
const READ_WRITE: Required = Required::As(Access::ReadWrite);
const OWNER: Required = Required::As(Access::Owner);

const TABLE: &[(&str, &[Row])] = &[
    (
        "management",
        &[
            (READS, LOGS, READ_ONLY, "[OpenAPI], [client]"),
            (ANY, LOGS, READ_WRITE, "[OpenAPI], [client]"),
            (READS, &[&["accounts", "{id}", "users"]], OwnerOrOpen, "owner: [guide], [client]; read/write: [GetUsers]"),
            (ANY, &[&["accounts", "{id}"]], OWNER, "[guide], [GetAccount]"),
            (
                ANY,
                &[&["accounts", "{id}", "users", REST], &["accounts", "{id}", "owners", REST]],
                OWNER,
                "[guide], [client]",
            ),
            (READS_AND_OPTIONS, &[&["accounts", "{id}", "apikeys", REST]], READ_WRITE, "[client]"),
            (ANY, &[&["accounts", "{id}", "apikeys", REST]], OWNER, "[client]"),
            (ANY, &[&["accounts", "{id}", "teams", REST]], READ_WRITE, "[client]"),
            (ANY, &[&["accounts", "{id}", REST]], OWNER, "none: the safe reading"),
            (READS, &[&["actions"], &["actions", "{id}", "targets"]], READ_ONLY, "[OpenAPI]"),
            (READS, &[&["actions", "{id}"]], Open, "[OpenAPI]: read/write, where its list is read-only"),
            (READS, &[&["tags", REST]], Open, "read-only: [get-tag]; read/write: [OpenAPI]"),
            (OTHERS, &[&["actions", REST], &["tags", REST]], READ_WRITE, "[post-tag], [put-tag], [OpenAPI]"),
            (ANY, &[&["archiving", REST]], READ_WRITE, "[OpenAPI]"),
            (READS, &[&["organizations", "apikeys"]], READ_WRITE, "[get-api-key]"),
        ],
    ),
    (
        "query",
        &[
            (POST, &[&["logs"], &["live", "logs"]], READ_ONLY, "[post-query], [OpenAPI]"),
            (READS, &[&[REST]], READ_ONLY, "[get-query], [get-saved-query], [OpenAPI]"),
            (ANY, &[&[REST]], READ_WRITE, "[OpenAPI], [client]"),
        ],
    ),
    ("audit", &[(POST, &[&["query", "logs"]], READ_ONLY, "[OpenAPI]"), (READS, &[&[REST]], READ_ONLY, "[OpenAPI]")]),
    ("exports", &[(READS, &[&[REST]], READ_ONLY, "[OpenAPI]"), (DELETE, &[&["{id}"]], READ_WRITE, "[OpenAPI]")]),
    ("search-stats", &[(READS, &[&[REST]], READ_ONLY, "[OpenAPI]")]),
    ("usage", &[(READS, &[&[REST]], READ_WRITE, "[get-account-usage], [get-logs-usage]")]),
    (
        "download",
        &[(READS, &[&["logs"], &["logs", "{ids}"]], Open, "read/write: [get-download-log]; read-only: [OpenAPI]")],
    ),
];

const LOGS: &[Pattern] =
    &[&["logs", REST], &["logsets", REST], &["labels", REST], &["metrics", REST], &["targets", REST]];

/// The most segments of a resource that a pattern has, and one.
const SEGMENTS: usize = 5;

/// Returns what is documented for what [`resource`] returned.
pub(super) fn documented(method: &Method, resource: &str) -> Option<Required> {
    let mut segments = [""; SEGMENTS];
    let found = suffixes(resource).zip(&mut segments).map(|((_, segment), slot)| *slot = segment).count();
    let (first, below) = segments.split_at(found).0.split_first()?;
    let (_, rows) = TABLE.iter().find(|(root, _)| is_name(root, first))?;
    let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| matches(pattern, below));
    rows.iter().find(|(methods, patterns, ..)| methods(method) && covers(patterns)).map(|(_, _, required, _)| *required)
}

fn matches(pattern: Pattern, segments: &[&str]) -> bool {
    let is = |(expected, segment): (&&str, &&str)| {
        is_name(expected, segment) || expected.starts_with('{') && !segment.is_empty()
    };
    match pattern {
        [above @ .., REST] => above.len() <= segments.len() && above.iter().zip(segments).all(is),
        _ => pattern.len() == segments.len() && pattern.iter().zip(segments).all(is),
    }
}

/// Tries equality first, because a path rarely has upper case letters.
fn is_name(expected: &str, segment: &str) -> bool {
    expected == segment || expected.eq_ignore_ascii_case(segment)
}

/// The suffixes of a path that start at a segment, each with that segment.
pub(super) fn suffixes(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(path);
    iter::from_fn(move || {
        let suffix = rest?;
        let (segment, below) = split_segment(suffix);
        rest = below;
        Some((suffix, segment))
    })
}

/// Splits a path into its first segment and what is below.
fn split_segment(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
        None => (path, None),
    }
}

pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns what the table looks up for a path: no slashes around it, and no `log_search` before it.
pub(super) fn resource(path: &str) -> &str {
    let path = trim_slashes(path);
    match split_segment(path) {
        (prefix, Some(below)) if prefix.eq_ignore_ascii_case("log_search") => below,
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
    fn rows() -> impl Iterator<Item = (&'static str, &'static Row)> {
        TABLE.iter().flat_map(|(root, rows)| rows.iter().map(|row| (*root, row)))
    }

    fn line((root, (methods, resources, required, sources)): (&str, &Row)) -> String {
        let resources: Vec<_> = resources.iter().map(|resource| resource_text(root, resource)).collect();
        let (resources, methods, access) = (resources.join(", "), methods_text(*methods), access_text(*required));
        format!("| {resources} | {methods} | {access} | {sources} |\n")
    }

    fn resource_text(root: &str, pattern: Pattern) -> String {
        let segments: String = pattern.iter().filter(|segment| **segment != REST).map(|s| format!("/{s}")).collect();
        format!("`/{root}{segments}`{}", if pattern.ends_with(&[REST]) { " and below" } else { "" })
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
