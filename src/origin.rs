//! Where credentials may go: scheme, host and port.

use std::fmt;

use http::{HeaderMap, Uri, header::HOST, uri::Authority};

/// Hosts of the vendor: this one, and one label before [`REGIONAL`]; over https, on its default port.
const GLOBAL: &str = "rest.logentries.com";
const REGIONAL: &str = ".rest.logs.insight.rapid7.com";

/// A scheme, a host in lower case and a port.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl Origin {
    /// Reads `https://rest.logentries.com` or `http://127.0.0.1:8080`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let uri: Uri = text.parse().map_err(|source| InvalidOrigin { source: Some(source) })?;
        match Target::of_uri(&uri) {
            Target::Origin(target) if matches!(uri.path_and_query().map(|p| p.as_str()), None | Some("/")) => {
                Ok(target.to_origin())
            }
            _ => Err(InvalidOrigin { source: None }),
        }
    }

    pub(crate) fn as_ref(&self) -> OriginRef<'_> {
        OriginRef { https: self.https, host: &self.host, port: self.port }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_ref().to_string())
    }
}

/// An [`Origin`] that a request names, in whatever letter case.
#[derive(Debug, Clone, Copy)]
pub struct OriginRef<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl<'a> OriginRef<'a> {
    #[cfg(feature = "reqwest")]
    pub(crate) fn new(https: bool, host: &'a str, port: u16) -> Self {
        Self { https, host, port }
    }

    pub(crate) fn to_origin(self) -> Origin {
        Origin { https: self.https, host: self.host.to_ascii_lowercase().into(), port: self.port }
    }

    /// The vendor's own hosts, to which credentials go without a word.
    pub(crate) fn is_rapid7(&self) -> bool {
        self.https && self.port == 443 && (self.host.eq_ignore_ascii_case(GLOBAL) || self.is_regional())
    }

    fn is_regional(&self) -> bool {
        let region = self.host.len().checked_sub(REGIONAL.len()).and_then(|at| self.host.split_at_checked(at));
        region.is_some_and(|(region, domain)| {
            domain.eq_ignore_ascii_case(REGIONAL)
                && !region.is_empty()
                && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    }

    /// Whether every Host header there is names this origin's authority. Most requests have none yet.
    pub(crate) fn agrees_with_host(&self, headers: &HeaderMap) -> bool {
        headers.get_all(HOST).iter().all(|host| {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| {
                OriginRef::of_authority(self.https, &authority).is_some_and(|named| named == *self)
            })
        })
    }

    /// `None` where the authority is more, or less, than a host and perhaps a port.
    fn of_authority(https: bool, authority: &'a Authority) -> Option<Self> {
        let default_port = if https { 443 } else { 80 };
        let text = authority.as_str();
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            return Some(Self { https, host: text, port: default_port });
        }
        let host = authority.host();
        // Userinfo may begin with the very host that it stands before: `host:80@host`.
        let port = match text.strip_prefix(host).filter(|_| !text.contains('@'))? {
            "" => default_port,
            // Not `:+443`, which `u16` would take.
            port => port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?,
        };
        (!host.is_empty()).then_some(Self { https, host, port })
    }
}

impl PartialEq for OriginRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.https == other.https && self.port == other.port && self.host.eq_ignore_ascii_case(other.host)
    }
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

/// Where a request says that it goes.
#[derive(Debug)]
pub enum Target<'a> {
    /// To this origin.
    Origin(OriginRef<'a>),
    /// To whatever the service below is connected to: the target has no authority.
    MissingAuthority,
    /// To an authority that two readers could take for two hosts: with userinfo, an impossible port, or no http scheme.
    Invalid,
}

impl Target<'_> {
    pub(crate) fn of_uri(uri: &Uri) -> Target<'_> {
        let https = match (uri.scheme_str(), uri.authority()) {
            (_, None) => return Target::MissingAuthority,
            (Some("https"), _) => true,
            (Some("http"), _) => false,
            _ => return Target::Invalid,
        };
        let origin = uri.authority().and_then(|authority| OriginRef::of_authority(https, authority));
        origin.map_or(Target::Invalid, Target::Origin)
    }
}

/// A text that names no origin. The text itself is not repeated: it may hold a password.
#[derive(Debug)]
pub struct InvalidOrigin {
    source: Option<http::uri::InvalidUri>,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not an origin: pass a scheme, a host and, where it is not the default, a port, \
             as in https://rest.logentries.com or http://127.0.0.1:8080 (a host outside ASCII in its xn-- form)",
        )
    }
}

impl std::error::Error for InvalidOrigin {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
