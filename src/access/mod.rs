//! Which access a resource requires: the `table` of what is documented about the API, and the `rule` of a layer.

mod rule;
mod table;

use std::fmt;
use std::str::FromStr;

use http::Method;

pub(crate) use self::rule::{AccessRule, Required, mount_path};
use crate::InvalidText;

/// The access that a key grants or a resource requires. Each includes the ones before it: `ReadOnly < ReadWrite < Owner`.
///
/// [`Access::documented`] has the API's own table. An `Access` in the extensions of a request overrides it:
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
///
/// `Display` and `FromStr` write it as `read-only`, `read/write` and `owner`, for configuration files and database columns.
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
    /// Returns the access that the service documents for `method` on `path`, or `None` if nothing documents it.
    ///
    #[doc = include_str!("table.md")]
    ///
    /// If the sources disagree, the stronger access is returned: read/write for *disputed*, and owner for *owner, or
    /// open*. A client's layer sends a *disputed* read with the strongest API key that it has, so that the server
    /// decides. It does the same for *owner, or open* if it has no owner key.
    ///
    /// `path` may start with `/log_search`. It matches by whole segments, with or without a trailing slash and ignoring
    /// ASCII case, so that `/management/Accounts/7` requires no weaker key than the account. Dot segments and
    /// percent-encoding are not resolved. A query is ignored.
    ///
    /// ```
    /// use http::Method;
    /// use tower_logentries_auth::Access;
    ///
    /// assert_eq!(Access::documented(&Method::GET, "/management/logs"), Some(Access::ReadOnly));
    /// assert_eq!(Access::documented(&Method::POST, "/log_search/query/logs"), Some(Access::ReadOnly));
    /// assert_eq!(Access::documented(&Method::GET, "/management/accounts/7/users/9"), Some(Access::Owner));
    /// assert_eq!(Access::documented(&Method::GET, "/management/new-resource"), None);
    /// ```
    pub fn documented(method: &Method, path: &str) -> Option<Self> {
        let resource = table::resource(path.split('?').next().unwrap_or_default());
        table::documented(method, resource).map(Required::strongest)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read/write",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Access {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let all = [Self::ReadOnly, Self::ReadWrite, Self::Owner];
        all.into_iter()
            .find(|access| access.as_str() == text)
            .ok_or(InvalidText { expected: "`read-only`, `read/write` or `owner`" })
    }
}
