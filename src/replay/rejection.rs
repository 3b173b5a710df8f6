//! Why the layer rejects a request, and what the client learns.

use std::{error::Error, fmt, sync::Arc};

use http::{Response, StatusCode};
use tower::BoxError;

use crate::{body::ResponseBody, json_response::json_response};

/// Why [`RejectReplaysLayer`](super::RejectReplaysLayer) rejected a request. It is in the extensions of the response,
/// for logs and metrics.
///
/// | rejection | status | `errorCode` |
/// |---|---|---|
/// | `Replayed` | 401, with `WWW-Authenticate` | `replayed` |
/// | `Expired` | 401, with `WWW-Authenticate` | `unauthorized` |
/// | `GuardUnavailable` | 503 | `unavailable` |
/// | `MissingVerifyLayer` | 500 | `misconfigured` |
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReplayRejection {
    /// A request with this signature has passed already.
    Replayed,
    /// The request took so long from the verifying layer to this one that it would no longer pass there. A guard may
    /// have forgotten the signature by now.
    Expired,
    /// The guard could not decide whether the signature was used: it is full or unreachable.
    GuardUnavailable {
        /// The guard's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The request did not come through a [`LogentriesVerifyLayer`](crate::LogentriesVerifyLayer): add one outside of
    /// this layer.
    MissingVerifyLayer,
}

impl ReplayRejection {
    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Replayed | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::GuardUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::MissingVerifyLayer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns a label for metrics, such as `guard_unavailable`: the name of the variant in snake case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Expired => "expired",
            Self::GuardUnavailable { .. } => "guard_unavailable",
            Self::MissingVerifyLayer => "missing_verify_layer",
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Expired => "unauthorized",
            Self::GuardUnavailable { .. } => "unavailable",
            Self::MissingVerifyLayer => "misconfigured",
        }
    }

    /// The message for the client.
    fn message(&self) -> &'static str {
        match self {
            Self::Replayed => "a request with this signature was received before: sign it again, with another date",
            Self::Expired => "the Date expired before the request was complete: sign it again",
            Self::GuardUnavailable { .. } => "replays cannot be distinguished from new requests at the moment",
            Self::MissingVerifyLayer => {
                "requests are checked for replays but not authenticated: add LogentriesVerifyLayer outside RejectReplaysLayer"
            }
        }
    }

    pub(super) fn guard_unavailable(error: impl Into<BoxError>) -> Self {
        Self::GuardUnavailable { source: error.into().into() }
    }

    /// Builds the response, dated by the verifying layer's clock.
    pub(super) fn into_response<ResBody>(self, now: Option<u64>, is_head: bool) -> Response<ResponseBody<ResBody>> {
        let mut response = json_response(self.status(), self.code(), self.message(), "", now, is_head);
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for ReplayRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for ReplayRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::GuardUnavailable { source } => Some(&**source),
            _ => None,
        }
    }
}
