//! The rule of a layer: what it says about a path, and what the table says where the rule is silent.
//!
//! Both see a path without its mount. An owner's resource is searched for in the whole path, so that no prefix hides one.

use std::fmt;
use std::sync::Arc;

use http::Method;

use super::Access;
use super::table;

type Rule = dyn Fn(&Method, &str) -> Option<Access> + Send + Sync;

/// The rule of a layer, and the prefixes that its resources are mounted at.
#[derive(Clone, Default)]
pub(crate) struct AccessRule {
    custom: Option<Arc<Rule>>,
    mounts: Vec<Box<str>>,
}

/// The access that a request requires, by a rule or by the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    As(Access),
    /// An owner's, by most sources; one says that a read/write key suffices. Without an owner key the strongest API key is
    /// sent, and the server decides.
    OwnerOrOpen,
    /// A read that some sources call read-only, others read/write, or that nothing documents. The strongest API key is sent,
    /// and the server decides.
    Open,
}

impl Required {
    /// Returns the access that a verifier requires.
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

impl AccessRule {
    pub(crate) fn set_rule(&mut self, rule: impl Fn(&Method, &str) -> Option<Access> + Send + Sync + 'static) {
        self.custom = Some(Arc::new(rule));
    }

    pub(crate) fn add_mount(&mut self, prefix: &str) {
        let mount = mount_path(prefix);
        if !mount.is_empty() {
            self.mounts.push(mount);
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
        self.look_up(method, whole).map_or(Access::ReadWrite, Required::strongest)
    }

    /// Returns the access that a client needs.
    pub(crate) fn required_of_client(&self, method: &Method, whole: &str) -> Required {
        if let Some(access) = self.named(method, whole) {
            return Required::As(access);
        }
        let unlisted = if table::reads(method) { Required::Open } else { Required::As(Access::ReadWrite) };
        self.look_up(method, whole).unwrap_or(unlisted)
    }

    fn look_up(&self, method: &Method, whole: &str) -> Option<Required> {
        let resource = table::resource(self.below_mount(whole));
        let documented = table::documented(method, resource);
        let whole = whole.trim_end_matches('/');
        // Nothing in the path could require more. The list of users hides nothing unless there is something before it.
        let (owner, list) = (Some(Required::As(Access::Owner)), Some(Required::OwnerOrOpen));
        if documented == owner || documented == list && whole.strip_prefix('/') == Some(resource) {
            return documented;
        }
        let hides_owners = |(slash, _)| {
            let suffix = &whole[slash + 1..]; // the resource itself is asked for above
            let start = suffix.get(.."management".len()).filter(|_| suffix != resource);
            start.is_some_and(|start| start.eq_ignore_ascii_case("management"))
                && table::documented(method, suffix).map(Required::strongest) == Some(Access::Owner)
        };
        let is_hidden = whole.bytes().enumerate().filter(|(_, byte)| *byte == b'/').any(hides_owners);
        if is_hidden { Some(Required::As(Access::Owner)) } else { documented }
    }

    /// Takes the longest mount that matches off a path. A path that is a mount is `/` below it.
    fn below_mount<'a>(&self, whole: &'a str) -> &'a str {
        let below = self.mounts.iter().filter_map(|mount| strip_mount(mount, whole));
        below.min_by_key(|below| below.len()).unwrap_or(whole)
    }
}

/// Returns a prefix as paths begin with it: with a slash before it and none after it, or empty.
pub(crate) fn mount_path(prefix: &str) -> Box<str> {
    let path = prefix.trim_matches('/');
    if path.is_empty() { "".into() } else { format!("/{path}").into() }
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
