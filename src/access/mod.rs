//! Which access a resource requires. `table` is what the API documents.

mod table;

use std::{fmt, iter, sync::Arc};

use http::Method;

use self::table::{Documented, reads, split_segment};

/// The access that a key grants or a resource requires. Each includes the ones before it: `ReadOnly < ReadWrite < Owner`.
///
/// [`Access::required_for`] has the API's own table. An `Access` in the extensions of a request overrides it:
///
/// ```
/// use http::Request;
/// use tower_logentries_auth::Access;
///
/// let request = Request::get("https://rest.logentries.com/management/new-resource")
///     .extension(Access::Owner)
///     .body(())?;
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Reading logs, log sets and query results.
    ReadOnly,
    /// Everything except the Account and User resources.
    ReadWrite,
    /// Account and User resources: the request is signed with the owner key.
    Owner,
}

impl Access {
    /// Returns the access that `method` on `path` requires: what is [documented](Access::documented), or else
    /// [`Access::ReadWrite`].
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::Access;
    ///
    /// assert_eq!(Access::required_for(&Method::GET, "/management/logs"), Access::ReadOnly);
    /// assert_eq!(Access::required_for(&Method::POST, "/management/logs"), Access::ReadWrite);
    /// assert_eq!(Access::required_for(&Method::GET, "/management/accounts/7/users/9"), Access::Owner);
    /// assert_eq!(Access::required_for(&Method::GET, "/management/new-resource"), Access::ReadWrite);
    /// ```
    pub fn required_for(method: &Method, path: &str) -> Self {
        Self::documented(method, path).unwrap_or(Self::ReadWrite)
    }

    /// Returns the access that the service documents for `method` on `path`, or `None` if nothing documents it.
    ///
    /// | resource | method | access | source |
    /// |---|---|---|---|
    /// | `/query/logs`, `/query/live/logs`, `/audit/query/logs` | `POST` | read-only | post-query page, OpenAPI |
    /// | `/query`, and below | `GET`, `HEAD` | read-only | get-query page, OpenAPI |
    /// | `/query`, and below | others | read/write | OpenAPI, client |
    /// | `/management/logs`, `logsets`, `labels`, `metrics`, `targets`, and below | `GET`, `HEAD` | read-only | OpenAPI, client |
    /// | the same | others | read/write | OpenAPI, client |
    /// | `/management/actions`, `/management/actions/{id}/targets` | `GET`, `HEAD` | read-only | OpenAPI |
    /// | `/management/actions/{id}` | `GET`, `HEAD` | disputed | OpenAPI: read/write, where its list is read-only |
    /// | `/management/tags`, and below | `GET`, `HEAD` | disputed | read-only by the get-tag page, read/write by OpenAPI |
    /// | `/management/actions`, `tags`, and below | others | read/write | pages, OpenAPI |
    /// | `/management/archiving`, and below, `/management/organizations/apikeys` | `GET`, `HEAD` | read/write | get-api-key page, OpenAPI |
    /// | `/download/logs/{ids}` | `GET`, `HEAD` | disputed | read/write by the get-download-log page, read-only by OpenAPI |
    /// | `/usage`, and below | `GET`, `HEAD` | read/write | get-account-usage page |
    /// | `/exports`, `/search-stats`, `/audit`, and below | `GET`, `HEAD` | read-only | OpenAPI |
    /// | `/exports/{id}` | `DELETE` | read/write | OpenAPI |
    /// | `/management/accounts/{id}` | any | owner | older REST documents |
    /// | `/management/accounts/{id}/users`, `owners`, and below | any | owner | older REST documents, client |
    /// | `/management/accounts/{id}/apikeys`, and below | `GET`, `HEAD`, `OPTIONS` | read/write | client |
    /// | the same | others | owner | client |
    /// | `/management/accounts/{id}/teams`, and below | any | read/write | client |
    ///
    /// "Pages" are those of <https://docs.rapid7.com/insightops/>, "OpenAPI" is the service's description as third
    /// parties keep it, and "client" is what was observed in Rapid7's command line client. Where they disagree, the
    /// stronger access is returned.
    ///
    /// `path` may start with `/log_search`. It matches by whole segments, with or without a trailing slash and ignoring
    /// ASCII case, so that `/management/Accounts/7` requires no weaker key than the account. Dot segments and
    /// percent-encoding are not resolved. A query is ignored.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::Access;
    ///
    /// assert_eq!(Access::documented(&Method::POST, "/log_search/query/logs"), Some(Access::ReadOnly));
    /// assert_eq!(Access::documented(&Method::GET, "/management/new-resource"), None);
    /// ```
    pub fn documented(method: &Method, path: &str) -> Option<Self> {
        Documented::for_path(method, path.split('?').next().unwrap_or_default()).strongest()
    }
}

/// How many segments of a path the table looks at, plus one.
const MAX_SEGMENTS: usize = 5;

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read/write",
            Self::Owner => "owner",
        })
    }
}

/// The rule of a layer: the table, or the rule that replaces it.
#[derive(Clone)]
pub(crate) struct AccessRule {
    custom: Option<Arc<Rule>>,
    /// The path that a verifier's resources are mounted at, without a trailing slash.
    mount: Box<str>,
    /// What a verifier requires for resources that the table does not have.
    undocumented: Access,
}

impl Default for AccessRule {
    fn default() -> Self {
        Self { custom: None, mount: "".into(), undocumented: Access::ReadWrite }
    }
}

type Rule = dyn Fn(&Method, &str) -> Access + Send + Sync;

impl AccessRule {
    pub(crate) fn replace_table(&mut self, rule: impl Fn(&Method, &str) -> Access + Send + Sync + 'static) {
        self.custom = Some(Arc::new(rule));
    }

    pub(crate) fn set_mount(&mut self, prefix: &str) {
        self.mount = prefix.trim_end_matches('/').into();
    }

    pub(crate) fn set_undocumented(&mut self, access: Access) {
        self.undocumented = access;
    }

    /// Strips the mount path, by whole segments.
    fn below_mount<'a>(&self, path: &'a str) -> &'a str {
        let rest = path.strip_prefix(&*self.mount).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        rest.unwrap_or(path)
    }

    /// Returns the access that a client needs, or `None` for a read that the sources do not settle: then the server
    /// decides.
    #[inline]
    pub(crate) fn required_of_client(&self, method: &Method, path: &str) -> Option<Access> {
        if let Some(rule) = &self.custom {
            return Some(rule(method, path));
        }
        match Documented::for_path(method, path) {
            Documented::As(access) => Some(access),
            Documented::Disputed | Documented::Nowhere if reads(method) => None,
            Documented::Disputed | Documented::Nowhere => Some(Access::ReadWrite),
        }
    }

    /// Returns the access that a verifier requires for `path`, as the inner service sees it, and for the `original`
    /// path that it had before a router stripped a prefix.
    ///
    /// If the table has both, the stronger access counts. An owner's resource remains one under any prefix, and an
    /// inner path never weakens one below a root of the table: `/management/accounts/7` outweighs a `/query` below it.
    pub(crate) fn required_below(&self, method: &Method, path: &str, original: &str) -> Access {
        if let Some(rule) = &self.custom {
            return rule(method, path);
        }
        // The first suffix is the whole path, which is looked up anyway unless it is mounted elsewhere.
        let seen = usize::from(self.mount.is_empty());
        if suffixes(original).skip(seen).any(|suffix| is_owners(method, suffix)) {
            return Access::Owner;
        }
        let (path, original) = (self.below_mount(path), self.below_mount(original));
        let outer = Documented::for_path(method, original).strongest();
        let inner = if path == original { outer } else { Documented::for_path(method, path).strongest() };
        match (outer, inner) {
            (Some(outer), Some(inner)) => outer.max(inner),
            (Some(outer), None) => outer,
            (None, Some(inner)) if is_root_stripped(original, path) => inner.max(self.undocumented),
            (None, Some(inner)) => inner,
            (None, None) => self.undocumented,
        }
    }
}

/// The first segments of every path in the table.
const ROOTS: [&str; 7] = ["query", "management", "download", "usage", "exports", "search-stats", "audit"];

/// Returns whether what a router stripped has a root of the table, so that the inner path is only the tail of a resource.
fn is_root_stripped(original: &str, path: &str) -> bool {
    let stripped = original.strip_suffix(path).unwrap_or(original);
    stripped.split('/').any(|segment| ROOTS.iter().any(|root| segment.eq_ignore_ascii_case(root)))
}

/// Returns whether the suffix of a path is an owner's resource.
fn is_owners(method: &Method, suffix: &str) -> bool {
    suffix.get(..10).is_some_and(|root| root.eq_ignore_ascii_case("management"))
        && Documented::for_path(method, first_segments(suffix)) == Documented::As(Access::Owner)
}

/// Returns whether another parser could read an owner's resource where the table reads another one, because it folds
/// other letters than ASCII's (`ſ`, `K`, `ａ`) or drops what it cannot see (a soft hyphen). The segments are decoded.
pub(crate) fn could_fold_to_owners(segments: &[String]) -> bool {
    let start = Read { exactly: true, folded: false };
    let (mut management, mut accounts, mut id) = (Read::default(), Read::default(), Read::default());
    for segment in segments {
        let is = |name: &str| segment.eq_ignore_ascii_case(name);
        let (folds, vanishes) = (!segment.is_ascii(), could_vanish(segment));
        let is_owners = is("users") || is("owners") || is("apikeys");
        if id.folded && is_owners || id.is_any() && folds {
            return true;
        }
        id = Read { exactly: accounts.exactly, folded: accounts.folded || vanishes && id.is_any() };
        accounts = management.then(is("accounts"), folds, vanishes && accounts.is_any());
        management = start.then(is("management"), folds, vanishes && management.is_any());
    }
    id.folded
}

/// Whether the last segments could be the first ones of an owner's resource: as they are, which the table knows, or if
/// some of them fold or vanish.
#[derive(Clone, Copy, Default)]
struct Read {
    exactly: bool,
    folded: bool,
}

impl Read {
    fn is_any(self) -> bool {
        self.exactly || self.folded
    }

    /// Returns what is read with one more segment, which is the next name, could fold to it, or leaves what was read.
    fn then(self, is_name: bool, folds: bool, stays: bool) -> Self {
        let folded = self.folded && is_name || self.is_any() && folds || stays;
        Self { exactly: self.exactly && is_name, folded }
    }
}

/// Returns whether a parser that drops what it cannot see could drop all of a segment: it has neither a letter, other than
/// Hangul's fillers, nor a digit.
fn could_vanish(segment: &str) -> bool {
    let is_filler = |letter| matches!(letter, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    segment.chars().all(|letter| !letter.is_ascii() && (!letter.is_alphanumeric() || is_filler(letter)))
}

/// The suffixes of a path that start at a segment, without the slash before it.
fn suffixes(path: &str) -> impl Iterator<Item = &str> {
    let first = path.strip_prefix('/').unwrap_or(path);
    iter::successors(Some(first), |suffix| Some(split_segment(suffix).1).filter(|below| !below.is_empty()))
}

/// Cuts a suffix to as many segments as the table looks at, so that a path of many segments does not cost the square of
/// their number.
fn first_segments(suffix: &str) -> &str {
    let below = (0..MAX_SEGMENTS).fold(suffix, |below, _| split_segment(below).1);
    suffix.strip_suffix(below).unwrap_or(suffix)
}

impl fmt::Debug for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.custom.is_some() { "AccessRule(custom)" } else { "AccessRule(table)" })
    }
}
