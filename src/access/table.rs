//! The table of [`Access::documented`], from a path's first segment down.

use http::Method;

use super::Access;

/// What the sources say about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documented {
    As(Access),
    /// Some sources say read-only, others read/write.
    Disputed,
    Nowhere,
}

impl Documented {
    /// Returns the access that is documented: the stronger, if that is disputed.
    pub(super) fn strongest(self) -> Option<Access> {
        match self {
            Self::As(access) => Some(access),
            Self::Disputed => Some(Access::ReadWrite),
            Self::Nowhere => None,
        }
    }

    /// The table of [`Access::documented`], for a path without a query.
    pub(super) fn for_path(method: &Method, path: &str) -> Self {
        use Documented::Nowhere;

        // Hardly any path has an upper case letter, and to look for one takes as long as to find the row.
        let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
        match Self::for_exact_path(method, path) {
            Nowhere if path.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Self::for_exact_path(method, &path.to_ascii_lowercase())
            }
            found => found,
        }
    }

    /// The rows of [`Access::documented`] in lower case, for a path without slashes around it.
    fn for_exact_path(method: &Method, path: &str) -> Self {
        use Access::{ReadOnly, ReadWrite};
        use Documented::{As, Disputed, Nowhere};

        let path = path.strip_prefix("log_search/").unwrap_or(path);
        let reads = reads(method);
        match split_segment(path) {
            // The one row that is an exception to another: folded at once, or a path in another case would match that.
            ("query", path) if *method == Method::POST && is_any_of(path, ["logs", "live/logs"]) => As(ReadOnly),
            ("audit", "query/logs") if *method == Method::POST => As(ReadOnly),
            ("query", _) => As(if reads { ReadOnly } else { ReadWrite }),
            ("management", path) => Self::for_management(method, path),
            ("download", path) if reads && is_child_of("logs", path) => Disputed,
            ("usage", _) if reads => As(ReadWrite),
            ("exports" | "search-stats" | "audit", _) if reads => As(ReadOnly),
            ("exports", id) if *method == Method::DELETE && is_one_segment(id) => As(ReadWrite),
            _ => Nowhere,
        }
    }

    /// The rows below `/management`.
    fn for_management(method: &Method, path: &str) -> Self {
        use Access::{ReadOnly, ReadWrite};
        use Documented::{As, Disputed, Nowhere};

        let reads = reads(method);
        match split_segment(path) {
            ("logs" | "logsets" | "labels" | "metrics" | "targets", _) => As(if reads { ReadOnly } else { ReadWrite }),
            ("accounts", path) => Self::for_account(method, path),
            ("actions", "") if reads => As(ReadOnly),
            ("actions", path) if reads => match split_segment(path) {
                (_id, "targets") => As(ReadOnly),
                (_id, "") => Disputed,
                _ => Nowhere,
            },
            ("tags", _) if reads => Disputed,
            ("actions" | "tags", _) => As(ReadWrite),
            ("archiving", _) | ("organizations", "apikeys") if reads => As(ReadWrite),
            _ => Nowhere,
        }
    }

    /// The rows below `/management/accounts`.
    fn for_account(method: &Method, path: &str) -> Self {
        use Access::{Owner, ReadWrite};
        use Documented::{As, Nowhere};

        let (id, path) = split_segment(path);
        match split_segment(path) {
            _ if id.is_empty() => Nowhere,
            ("", "") | ("users" | "owners", _) => As(Owner),
            ("apikeys", _) if reads(method) || *method == Method::OPTIONS => As(ReadWrite),
            ("apikeys", _) => As(Owner),
            ("teams", _) => As(ReadWrite),
            _ => Nowhere,
        }
    }
}

fn is_any_of(path: &str, names: [&str; 2]) -> bool {
    names.iter().any(|name| path.eq_ignore_ascii_case(name))
}

fn is_child_of(parent: &str, path: &str) -> bool {
    let (first, rest) = split_segment(path);
    first == parent && is_one_segment(rest)
}

fn is_one_segment(path: &str) -> bool {
    !path.is_empty() && !path.contains('/')
}

pub(super) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Splits a path without a leading slash into its first segment and what is below.
fn split_segment(path: &str) -> (&str, &str) {
    let slash = position_of_slash(path.as_bytes());
    slash.and_then(|slash| Some((path.get(..slash)?, path.get(slash + 1..)?))).unwrap_or((path, ""))
}

/// Looks at eight bytes at a time, which takes a third of the instructions that `position` does.
fn position_of_slash(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, rest) = bytes.as_chunks();
    for (n, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ (ONES * b'/' as u64);
        // The high bit of the first byte that is zero, and perhaps of later ones.
        let zeros = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        if zeros != 0 {
            return Some(8 * n + zeros.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| *byte == b'/').map(|at| 8 * words.len() + at)
}
