//! Where a request goes: scheme, host and port. Credentials go to trusted origins alone.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::{fmt, ptr};

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Rapid7's hosts: this one, and each of the others with the label of a region before it. They are trusted over https
/// on its default port.
const GLOBAL: &str = "rest.logentries.com";
const REGIONAL: &str = ".rest.logs.insight.rapid7.com";
const PLATFORM: &str = ".api.insight.rapid7.com";

/// A scheme, a host and a port, in any letter case.
#[derive(Debug, Clone)]
pub(crate) struct Origin<'a> {
    is_https: bool,
    host: Cow<'a, str>,
    port: u16,
}

impl Origin<'static> {
    /// Parses an origin such as `https://rest.logentries.com` or `http://127.0.0.1:8080`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(InvalidOrigin::Uri)?;
        match (Target::of_uri(&uri), uri.path_and_query().map(|target| target.as_str())) {
            // A `Uri` drops the fragment that it was parsed from.
            _ if text.contains('#') => Err(InvalidOrigin::HasPath),
            (Target::Origin(origin), None | Some("/")) => Ok(origin.into_owned()),
            (Target::Origin(_), Some(_)) => Err(InvalidOrigin::HasPath),
            _ => Err(InvalidOrigin::NotAnOrigin),
        }
    }

    /// Parses an origin that may be trusted, which Rapid7's hosts over plain http may not.
    pub(super) fn parse_trusted(text: &str) -> Result<Self, InvalidOrigin> {
        match Self::parse(text)? {
            origin if origin.is_insecure() => Err(InvalidOrigin::PlainHttp),
            origin => Ok(origin),
        }
    }
}

impl<'a> Origin<'a> {
    pub(super) fn new(is_https: bool, host: &'a str, port: u16) -> Self {
        Self { is_https, host: Cow::Borrowed(host), port }
    }

    /// Returns the same origin, with a host in lower case.
    pub(super) fn into_owned(self) -> Origin<'static> {
        Origin { host: Cow::Owned(self.host.to_ascii_lowercase()), ..self }
    }

    pub(super) fn as_ref(&self) -> Origin<'_> {
        Origin::new(self.is_https, &self.host, self.port)
    }

    /// Returns whether this is one of Rapid7's hosts over https, which are trusted by default.
    pub(super) fn is_rapid7(&self) -> bool {
        self.is_https && self.port == 443 && is_rapid7_host(&self.host)
    }

    /// Returns whether this is one of Rapid7's hosts over plain http, which is never trusted.
    pub(super) fn is_insecure(&self) -> bool {
        // A dot at its end names the same host.
        !self.is_https && is_rapid7_host(self.host.strip_suffix('.').unwrap_or(&self.host))
    }

    /// Returns whether this is the Insight platform, which takes platform keys.
    pub(super) fn is_platform(&self) -> bool {
        is_region_of(&self.host, PLATFORM)
    }

    /// Returns whether every Host header names this origin's authority.
    pub(super) fn agrees_with_host(&self, headers: &HeaderMap) -> bool {
        headers.get_all(HOST).iter().all(|host| {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| {
                Origin::of_authority(self.is_https, &authority).is_some_and(|named| named == *self)
            })
        })
    }

    /// Returns `None` if the authority is anything but a host and an optional port.
    fn of_authority(is_https: bool, authority: &'a Authority) -> Option<Self> {
        let host = authority.host();
        // Userinfo may begin with the host that it stands before, but no port has an `@` in it: `host:80@host`.
        let port = match authority.as_str().strip_prefix(host)? {
            "" if is_https => 443,
            "" => 80,
            // `u16` would also parse `+443`.
            port => port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?,
        };
        (!host.is_empty()).then(|| Self::new(is_https, host, port))
    }
}

impl PartialEq<Origin<'_>> for Origin<'_> {
    fn eq(&self, other: &Origin<'_>) -> bool {
        self.is_https == other.is_https && self.port == other.port && is_same_host(&self.host, &other.host)
    }
}

/// Compares names without regard to letter case, and IPv6 addresses by value. A request shares the text of the origin whose
/// clock dates it, so the address often suffices.
fn is_same_host(one: &str, other: &str) -> bool {
    ptr::eq(one, other)
        || one.eq_ignore_ascii_case(other)
        || ipv6_address(one).is_some_and(|address| Some(address) == ipv6_address(other))
}

fn ipv6_address(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_rapid7_host(host: &str) -> bool {
    host.eq_ignore_ascii_case(GLOBAL) || is_region_of(host, REGIONAL) || is_region_of(host, PLATFORM)
}

fn is_region_of(host: &str, domain: &str) -> bool {
    let split = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at));
    split.is_some_and(|(region, rest)| {
        rest.eq_ignore_ascii_case(domain)
            && !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_https, host, port } = self;
        match (is_https, port) {
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
    /// The URI names this origin.
    Origin(Origin<'a>),
    /// The URI has no authority: only the inner service knows where it is connected.
    MissingAuthority,
    /// The authority is ambiguous: it has userinfo or an impossible port, or the scheme is neither http nor https.
    Invalid,
}

impl Target<'_> {
    pub(crate) fn of_uri(uri: &Uri) -> Target<'_> {
        let Some(authority) = uri.authority() else { return Target::MissingAuthority };
        let origin = match uri.scheme_str() {
            Some("https") => Origin::of_authority(true, authority),
            Some("http") => Origin::of_authority(false, authority),
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
#[non_exhaustive]
pub enum InvalidOrigin {
    /// It is not a URI.
    Uri(http::uri::InvalidUri),
    /// It is not a scheme, a host and perhaps a port.
    NotAnOrigin,
    /// It has a path, a query or a fragment.
    HasPath,
    /// It is one of Rapid7's hosts over plain http.
    PlainHttp,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HasPath => "not an origin but a URL: cut off what follows the host and the port",
            Self::PlainHttp => "Rapid7's hosts are trusted over https only: use https:// in the request's URI",
            Self::Uri(_) | Self::NotAnOrigin => {
                "not an origin: pass a scheme, a host and, unless it is the default, a port, \
                 as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)"
            }
        })
    }
}

impl std::error::Error for InvalidOrigin {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Uri(source) = self { Some(source) } else { None }
    }
}
