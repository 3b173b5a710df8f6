//! The rule of a layer: what it says about a path, and what the table says where the rule is silent.
//!
//! Both see a path without its mount. An owner's resource is searched for in the whole path, so that no prefix hides one.

use std::sync::Arc;
use std::{fmt, iter};

use http::Method;

use super::Access;
use super::table::{self, Documented};
use crate::scheme::trim_slashes;

type Rule = dyn Fn(&Method, &str) -> Option<Access> + Send + Sync;

/// The rule of a layer, and the prefixes that its resources are mounted at.
#[derive(Clone, Default)]
pub(crate) struct AccessRule {
    custom: Option<Arc<Rule>>,
    mounts: Vec<Box<str>>,
}

/// The access that a client needs for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    As(Access),
    /// An owner's, by most sources. Without an owner key the strongest API key is sent, and the server decides.
    OwnerOrOpen,
    /// The sources do not settle it. The strongest API key is sent, and the server decides.
    Open,
}

impl Required {
    pub(crate) fn strongest(self) -> Access {
        match self {
            Self::As(access) => access,
            Self::OwnerOrOpen => Access::Owner,
            Self::Open => Access::ReadWrite,
        }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As(access) => access.fmt(f),
            Self::OwnerOrOpen => f.write_str("owner, or open"),
            Self::Open => f.write_str("open"),
        }
    }
}

/// How many segments of a path the table looks at to recognize an owner's resource: one more than its longest pattern
/// has before `/**`.
const OWNER_SEGMENTS: usize = 5;

impl AccessRule {
    pub(crate) fn set_rule(&mut self, rule: impl Fn(&Method, &str) -> Option<Access> + Send + Sync + 'static) {
        self.custom = Some(Arc::new(rule));
    }

    pub(crate) fn add_mount(&mut self, prefix: &str) {
        let path = prefix.trim_matches('/');
        if !path.is_empty() {
            self.mounts.push(format!("/{path}").into());
        }
    }

    #[cfg(feature = "explain")]
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().map(|mount| &**mount)
    }

    /// Asks the rule, if there is one.
    pub(crate) fn named(&self, method: &Method, whole: &str) -> Option<Access> {
        self.custom.as_ref().and_then(|rule| rule(method, self.below_mount(whole)))
    }

    /// Returns the access that a verifier requires where the rule is silent: what is documented, or else read/write.
    pub(crate) fn documented(&self, method: &Method, whole: &str) -> Access {
        self.look_up(method, whole).strongest().unwrap_or(Access::ReadWrite)
    }

    /// Returns the access that a client needs.
    pub(crate) fn required_of_client(&self, method: &Method, whole: &str) -> Required {
        if let Some(access) = self.named(method, whole) {
            return Required::As(access);
        }
        match self.look_up(method, whole) {
            Documented::As(access) => Required::As(access),
            Documented::OwnerOrOpen => Required::OwnerOrOpen,
            Documented::Disputed | Documented::Nowhere if table::reads(method) => Required::Open,
            Documented::Disputed | Documented::Nowhere => Required::As(Access::ReadWrite),
        }
    }

    fn look_up(&self, method: &Method, whole: &str) -> Documented {
        let resource = table::resource(self.below_mount(whole));
        let is_elsewhere = |suffix: &&str| suffix.len() != resource.len();
        if suffixes(whole).filter(is_elsewhere).any(|suffix| is_owners(method, suffix)) {
            return Documented::As(Access::Owner);
        }
        Documented::of_resource(method, resource)
    }

    /// Takes the longest mount that matches off a path. A path that is a mount is `/` below it.
    fn below_mount<'a>(&self, whole: &'a str) -> &'a str {
        let below = self.mounts.iter().filter_map(|mount| strip_mount(mount, whole));
        below.min_by_key(|below| below.len()).unwrap_or(whole)
    }
}

/// Takes a mount off a path, by whole segments. A segment of the mount in braces stands for any one.
fn strip_mount<'a>(mount: &str, path: &'a str) -> Option<&'a str> {
    let mut rest = path;
    for expected in mount.split('/').skip(1) {
        let below = rest.strip_prefix('/')?;
        let (segment, after) = below.split_at(below.find('/').unwrap_or(below.len()));
        let is_parameter = expected.starts_with('{') && expected.ends_with('}') && !segment.is_empty();
        if !is_parameter && segment != expected {
            return None;
        }
        rest = after;
    }
    Some(if rest.is_empty() { "/" } else { rest })
}

/// Returns whether a suffix of a path is an owner's resource.
fn is_owners(method: &Method, suffix: &str) -> bool {
    let root = suffix.split('/').next().unwrap_or_default();
    root.eq_ignore_ascii_case("management")
        && matches!(
            Documented::of_resource(method, first_segments(suffix)),
            Documented::As(Access::Owner) | Documented::OwnerOrOpen
        )
}

/// The suffixes of a path that start at a segment, without slashes around them. The first is the whole path.
fn suffixes(path: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(trim_slashes(path)), |suffix| suffix.split_once('/').map(|(_, below)| below))
}

/// Cuts a suffix to as many segments as the table needs, so that a path of many segments does not cost the square of
/// their number.
fn first_segments(suffix: &str) -> &str {
    let end = suffix.match_indices('/').nth(OWNER_SEGMENTS - 1).map_or(suffix.len(), |(end, _)| end);
    suffix.split_at(end).0
}

impl fmt::Debug for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.custom.is_some() { "AccessRule(custom)" } else { "AccessRule(table)" })
    }
}
