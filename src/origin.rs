//! Where credentials may go: scheme, host and port.

use std::fmt;

use http::{HeaderMap, Uri, header::HOST, uri::Authority};

/// Rapid7's hosts: this one, and one label of a region before either of the others; over https, on its default port.
const GLOBAL: &str = "rest.logentries.com";
const REGIONAL: &str = ".rest.logs.insight.rapid7.com";
const PLATFORM: &str = ".api.insight.rapid7.com";

/// A scheme, a host in lower case and a port.
#[derive(Clone, PartialEq, Eq)]
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
        match Target::of_uri(&uri) {
            Target::Origin(target) if matches!(uri.path_and_query().map(|p| p.as_str()), None | Some("/")) => {
                Ok(target.to_origin())
            }
            _ => Err(InvalidOrigin { reason: Reason::NotAnOrigin }),
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
        self.https == other.https && self.port == other.port && is_same_host(&self.host, other.host)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_ref().to_string())
    }
}

/// One of Rapid7's hosts, by whatever scheme and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rapid7Host {
    LogSearch,
    Platform,
}

impl Rapid7Host {
    fn of(host: &str) -> Option<Self> {
        if is_same_host(host, GLOBAL) || is_region_of(host, REGIONAL) {
            Some(Self::LogSearch)
        } else {
            is_region_of(host, PLATFORM).then_some(Self::Platform)
        }
    }
}

fn is_region_of(host: &str, domain: &str) -> bool {
    let split = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at));
    split.is_some_and(|(region, rest)| {
        is_same_host(rest, domain)
            && !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// An [`Origin`] as a request names it, in any letter case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OriginRef<'a> {
    https: bool,
    host: &'a str,
    port: u16,
    rapid7: Option<Rapid7Host>,
}

impl<'a> OriginRef<'a> {
    #[inline]
    pub(crate) fn new(https: bool, host: &'a str, port: u16) -> Self {
        Self { https, host, port, rapid7: Rapid7Host::of(host) }
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
        self.rapid7.is_some()
    }

    /// Returns whether this is the Insight platform, which takes platform keys.
    pub(crate) fn is_platform(&self) -> bool {
        self.rapid7 == Some(Rapid7Host::Platform)
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
    #[inline]
    fn of_authority(https: bool, authority: &'a Authority) -> Option<Self> {
        let default_port = if https { 443 } else { 80 };
        let text = authority.as_str();
        let origin = Self::new(https, text, default_port);
        if origin.has_rapid7_host() {
            return Some(origin);
        }
        let has_more_than_host = text.bytes().fold(false, |found, byte| found | matches!(byte, b'@' | b':' | b'['));
        if !text.is_empty() && !has_more_than_host {
            return Some(origin);
        }
        let host = authority.host();
        // Userinfo may begin with the very host that it stands before: `host:80@host`.
        let port = match text.strip_prefix(host).filter(|_| !text.contains('@'))? {
            "" => default_port,
            // Not `:+443`, which `u16` would take.
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

/// Tries equality first: hardly any host has an upper case letter, and folding takes ten times as long.
fn is_same_host(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

impl fmt::Display for OriginRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port, .. } = self;
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

impl<'a> Target<'a> {
    /// Returns the origin, if the target names one.
    #[cfg(feature = "retry")]
    pub(crate) fn origin(self) -> Option<OriginRef<'a>> {
        match self {
            Self::Origin(origin) => Some(origin),
            Self::MissingAuthority | Self::Invalid => None,
        }
    }
}

impl Target<'_> {
    #[inline]
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
    PlainHttp,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Reason::Uri(_) | Reason::NotAnOrigin => {
                "not an origin: pass a scheme, a host and, unless it is the default, a port, \
                 as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)"
            }
            Reason::PlainHttp => "Rapid7's hosts are trusted over https only: use https:// in the request's URI",
        })
    }
}

impl std::error::Error for InvalidOrigin {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Uri(source) => Some(source),
            Reason::NotAnOrigin | Reason::PlainHttp => None,
        }
    }
}
