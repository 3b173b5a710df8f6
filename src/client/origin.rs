//! Where a request goes: scheme, host and port. Credentials go to trusted origins alone.

use std::fmt;
use std::net::Ipv6Addr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Rapid7's hosts: this one, and one label of a region before either of the others; over https, on its default port.
const GLOBAL: &str = "rest.logentries.com";
const REGIONAL: &str = ".rest.logs.insight.rapid7.com";
const PLATFORM: &str = ".api.insight.rapid7.com";

/// A scheme, a host in lower case and a port.
#[derive(Clone)]
pub(crate) struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl Origin {
    /// Parses an origin such as `https://rest.logentries.com` or `http://127.0.0.1:8080`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|source| InvalidOrigin { reason: Reason::Uri(source) })?;
        // A `Uri` drops the fragment that it was parsed from.
        if text.contains('#') {
            return Err(InvalidOrigin { reason: Reason::NotAnOrigin });
        }
        let Target::Origin(target) = Target::of_uri(&uri) else {
            return Err(InvalidOrigin { reason: Reason::NotAnOrigin });
        };
        match uri.path_and_query().map(|target| target.as_str()) {
            None | Some("/") => Ok(target.to_origin()),
            Some(_) => Err(InvalidOrigin { reason: Reason::HasPath }),
        }
    }

    /// Parses an origin that may be trusted, which Rapid7's hosts over plain http may not.
    pub(crate) fn parse_trusted(text: &str) -> Result<Self, InvalidOrigin> {
        let origin = Self::parse(text)?;
        if !origin.https && origin.as_ref().has_rapid7_host() {
            return Err(InvalidOrigin { reason: Reason::PlainHttp });
        }
        Ok(origin)
    }

    pub(crate) fn as_ref(&self) -> OriginRef<'_> {
        OriginRef::new(self.https, &self.host, self.port)
    }

    /// Returns whether a request that names `other` goes here.
    pub(crate) fn is(&self, other: OriginRef<'_>) -> bool {
        self.as_ref() == other
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_ref().to_string())
    }
}

/// An [`Origin`] as a request names it, in any letter case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OriginRef<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl<'a> OriginRef<'a> {
    pub(crate) fn new(https: bool, host: &'a str, port: u16) -> Self {
        Self { https, host, port }
    }

    pub(crate) fn to_origin(self) -> Origin {
        Origin { https: self.https, host: self.host.to_ascii_lowercase().into(), port: self.port }
    }

    /// Returns whether this is one of Rapid7's hosts over https, which are trusted by default.
    pub(crate) fn is_rapid7(&self) -> bool {
        self.https && self.port == 443 && self.has_rapid7_host()
    }

    /// Returns whether this is one of Rapid7's hosts, by whatever scheme and port.
    pub(crate) fn has_rapid7_host(&self) -> bool {
        self.host.eq_ignore_ascii_case(GLOBAL) || is_region_of(self.host, REGIONAL) || self.is_platform()
    }

    /// Returns whether this is the Insight platform, which takes platform keys.
    pub(crate) fn is_platform(&self) -> bool {
        is_region_of(self.host, PLATFORM)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// Returns whether every Host header names this origin's authority.
    pub(crate) fn agrees_with_host(&self, headers: &HeaderMap) -> bool {
        headers.get_all(HOST).iter().all(|host| {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| {
                OriginRef::of_authority(self.https, &authority).is_some_and(|named| named == *self)
            })
        })
    }

    /// Returns `None` if the authority is anything but a host and an optional port.
    fn of_authority(https: bool, authority: &'a Authority) -> Option<Self> {
        let host = authority.host();
        // Userinfo may begin with the host that it stands before: `host:80@host`.
        let after_host = authority.as_str().strip_prefix(host).filter(|_| !authority.as_str().contains('@'))?;
        let port = match after_host {
            "" if https => 443,
            "" => 80,
            // `u16` would also parse `+443`.
            port => port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?,
        };
        (!host.is_empty()).then(|| Self::new(https, host, port))
    }
}

impl PartialEq for OriginRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.https == other.https && self.port == other.port && is_same_host(self.host, other.host)
    }
}

/// Compares names without regard to letter case, and IPv6 addresses by value.
fn is_same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || ipv6_address(one).is_some_and(|address| Some(address) == ipv6_address(other))
}

fn ipv6_address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_region_of(host: &str, domain: &str) -> bool {
    let split = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at));
    split.is_some_and(|(region, rest)| {
        rest.eq_ignore_ascii_case(domain)
            && !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

impl fmt::Display for OriginRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        match (https, port) {
            (true, 443) => write!(f, "https://{host}"),
            (true, _) => write!(f, "https://{host}:{port}"),
            (false, 80) => write!(f, "http://{host}"),
            (false, _) => write!(f, "http://{host}:{port}"),
        }
    }
}

/// Where a request goes, according to its URI.
#[derive(Debug)]
pub(crate) enum Target<'a> {
    /// To this origin.
    Origin(OriginRef<'a>),
    /// To whatever the inner service is connected to: the target has no authority.
    MissingAuthority,
    /// To an authority that two readers could take for two hosts: with userinfo, an impossible port, or no http scheme.
    Invalid,
}

impl Target<'_> {
    pub(crate) fn of_uri(uri: &Uri) -> Target<'_> {
        let Some(authority) = uri.authority() else { return Target::MissingAuthority };
        let origin = match uri.scheme_str() {
            Some("https") => OriginRef::of_authority(true, authority),
            Some("http") => OriginRef::of_authority(false, authority),
            _ => None,
        };
        origin.map_or(Target::Invalid, Target::Origin)
    }
}

/// For events. A request without an authority may be sent all the same, to an assumed origin.
impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) => origin.fmt(f),
            Self::MissingAuthority | Self::Invalid => f.write_str("unknown"),
        }
    }
}

/// Error of an origin that cannot be used: the text is not an origin, or one that must not be trusted.
///
/// The text is not repeated, because it may contain a password.
#[derive(Debug)]
pub struct InvalidOrigin {
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Uri(http::uri::InvalidUri),
    NotAnOrigin,
    HasPath,
    PlainHttp,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Uri(_) | Reason::NotAnOrigin => {
                "not an origin: pass a scheme, a host and, unless it is the default, a port, \
                 as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)"
            }
            Reason::HasPath => "not an origin but a URL: cut off what follows the host and the port",
            Reason::PlainHttp => "Rapid7's hosts are trusted over https only: use https:// in the request's URI",
        })
    }
}

impl std::error::Error for InvalidOrigin {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Uri(source) => Some(source),
            Reason::NotAnOrigin | Reason::HasPath | Reason::PlainHttp => None,
        }
    }
}
