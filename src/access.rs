//! Which key a resource takes.

use std::{fmt, sync::Arc};

use http::Method;

/// How much a key may do. Each access includes the ones before it: `ReadOnly < ReadWrite < Owner`.
///
/// [`Access::required_for`] is the API's own table. In the extensions of a request an `Access` overrules it:
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
    /// Everything but the Account and User resources.
    ReadWrite,
    /// Account and User resources: the request is signed with the owner key.
    Owner,
}

impl Access {
    /// The least access that `method` on `path` takes.
    ///
    /// | resource | access |
    /// |---|---|
    /// | `/management/accounts/{id}` | owner |
    /// | `/management/accounts/{id}/users`, `.../owners`, and below | owner |
    /// | `POST`, `PUT`, `PATCH`, `DELETE` on `/management/accounts/{id}/apikeys`, and below | owner |
    /// | `GET`, `HEAD` on `/management/logs`, `/management/logsets`, `/management/live`, `/query`, and below | read-only |
    /// | everything else | read/write |
    ///
    /// `path` matches by whole segments, with or without a trailing slash, and without regard to letter case, so that
    /// `/management/Accounts/7` takes no lesser key than the account. Otherwise it is taken as it stands: dot segments and
    /// percent-encoding are not resolved. A query is ignored.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::Access;
    ///
    /// assert_eq!(Access::required_for(&Method::GET, "/management/logs"), Access::ReadOnly);
    /// assert_eq!(Access::required_for(&Method::POST, "/management/logs"), Access::ReadWrite);
    /// assert_eq!(Access::required_for(&Method::GET, "/management/accounts/7/users/9"), Access::Owner);
    /// ```
    pub fn required_for(method: &Method, path: &str) -> Self {
        Self::for_path(method, path.split('?').next().unwrap_or_default())
    }

    /// The same of a path that has no query.
    fn for_path(method: &Method, path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
        let mut segments = path.as_bytes().split(|byte| *byte == b'/');
        let root = segments.next().unwrap_or_default();
        let collection = segments.next().unwrap_or_default();
        let is_management = is(root, "management");

        if is(root, "query") || is_management && ["logs", "logsets", "live"].iter().any(|name| is(collection, name)) {
            return match *method {
                Method::GET | Method::HEAD => Self::ReadOnly,
                _ => Self::ReadWrite,
            };
        }
        match (segments.next(), segments.next()) {
            (Some([_, ..]), below) if is_management && is(collection, "accounts") => Self::of_account(method, below),
            _ => Self::ReadWrite,
        }
    }

    /// The access for an account itself, or for what is `below` it.
    fn of_account(method: &Method, below: Option<&[u8]>) -> Self {
        let writes = || [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method);
        match below {
            None => Self::Owner,
            Some(below) if is(below, "users") || is(below, "owners") => Self::Owner,
            Some(below) if is(below, "apikeys") && writes() => Self::Owner,
            Some(_) => Self::ReadWrite,
        }
    }
}

fn is(segment: &[u8], name: &str) -> bool {
    segment.eq_ignore_ascii_case(name.as_bytes())
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read/write",
            Self::Owner => "owner",
        })
    }
}

/// The rule of a layer: the table, or what its user put in its place.
#[derive(Clone, Default)]
pub(crate) struct AccessRule {
    given: Option<Arc<Rule>>,
}

type Rule = dyn Fn(&Method, &str) -> Access + Send + Sync;

impl AccessRule {
    pub(crate) fn new(rule: impl Fn(&Method, &str) -> Access + Send + Sync + 'static) -> Self {
        Self { given: Some(Arc::new(rule)) }
    }

    pub(crate) fn required_for(&self, method: &Method, path: &str) -> Access {
        match &self.given {
            Some(rule) => rule(method, path),
            None => Access::for_path(method, path),
        }
    }

    /// The same under a router that took a prefix off the `original` path. Where the table knows an owner's resource by
    /// that, no prefix makes it another's.
    pub(crate) fn required_below(&self, method: &Method, path: &str, original: &str) -> Access {
        match &self.given {
            None if Access::for_path(method, original) == Access::Owner => Access::Owner,
            _ => self.required_for(method, path),
        }
    }
}

impl fmt::Debug for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.given.is_some() { "AccessRule(given)" } else { "AccessRule(table)" })
    }
}
