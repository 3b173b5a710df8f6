//! What a request gets when it passes: the identity of its sender, for handlers, and, if it was signed, a verified
//! signature, for layers that reject replays.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use sha2::{Digest, Sha256};

#[cfg(feature = "axum")]
use super::{Reason, Rejection};
use crate::clock::Clock;
use crate::scheme::LAST_SECOND;
use crate::{Access, Signature, trace};

/// The identity of an authenticated request. [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) adds it to the
/// request's extensions.
///
/// It is in the extensions of the response too, so that an outer layer can log and count by it.
///
/// With feature `axum`, it is an extractor. A handler for several accounts must compare the account with the path,
/// because a valid key does not prove that the path refers to the same account:
///
/// ```
/// use axum::extract::Path;
/// use http::StatusCode;
/// use tower_logentries_auth::{Access, Identity};
///
/// async fn users(identity: Identity, Path(account): Path<String>) -> Result<String, StatusCode> {
///     if identity.account.as_deref() != Some(&*account) {
///         return Err(StatusCode::FORBIDDEN);
///     }
///     Ok(format!("the users of {account}"))
/// }
///
/// // In a unit test, without a layer:
/// # #[tokio::main]
/// # async fn main() {
/// let identity = Identity::new(Access::Owner).with_account("acme");
/// assert_eq!(users(identity, Path("globex".to_owned())).await, Err(StatusCode::FORBIDDEN));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The access that the key grants: at least what the resource requires.
    pub access: Access,
    /// The id of the owner key, or the id that the store has for the API key.
    pub key_id: Option<Arc<str>>,
    /// The label of the owner key, which distinguishes two keys that share an id while they rotate.
    pub key_label: Option<Arc<str>>,
    /// The account that the key belongs to, if the store names one. [`MemoryKeyStore`](super::MemoryKeyStore) always does.
    /// [`Credentials`](crate::Credentials) name that of an owner key [with an account](crate::OwnerKey::with_account).
    pub account: Option<Arc<str>>,
}

impl Identity {
    /// Creates an identity with this access and nothing else, for tests of handlers.
    pub fn new(access: Access) -> Self {
        Self { access, key_id: None, key_label: None, account: None }
    }

    /// Adds the identity to a request that passes.
    pub(super) fn attach<ReqBody>(&self, request: &mut Request<ReqBody>) {
        let Self { access, key_id, key_label, account } = self;
        let (method, path) = (request.method(), request.uri().path());
        trace::accepted(method, path, *access, key_id.as_deref(), key_label.as_deref(), account.as_deref());
        request.extensions_mut().insert(self.clone());
    }

    /// Sets the account that the key belongs to.
    pub fn with_account(self, account: impl Into<Arc<str>>) -> Self {
        Self { account: Some(account.into()), ..self }
    }
}

/// Fails with [`Reason::MissingVerifyLayer`](super::Reason::MissingVerifyLayer) if no
/// [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) wraps the route.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get().cloned().ok_or_else(|| Reason::MissingVerifyLayer.into())
    }
}

/// A signature that was verified. [`LogentriesVerifyLayer`](super::LogentriesVerifyLayer) adds it to the extensions of
/// a signed request, for [`RejectReplaysLayer`](crate::RejectReplaysLayer).
///
/// Requests with an API key have none.
#[derive(Clone)]
pub struct VerifiedSignature {
    pub(super) key_id: Arc<str>,
    pub(super) signature: Signature,
    pub(crate) date_secs: u64,
    pub(crate) valid_until_secs: u64,
    /// The verifying layer's.
    pub(crate) clock: Clock,
}

impl VerifiedSignature {
    /// How much longer a signature is remembered than its request can pass, to allow for differences between the clocks
    /// of replicas and for the time that a request takes to reach a guard.
    const MARGIN: Duration = Duration::from_secs(60);

    /// Creates a verified signature by the system's clock, for the test of a guard.
    ///
    /// `date` is when the request was signed, and `valid_until` the last second in which it can pass. Both are cut to whole
    /// seconds of the years 1970 to 9999.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tower_logentries_auth::{
    ///     replay::{MemoryReplayGuard, ReplayGuard},
    ///     server::VerifiedSignature,
    /// };
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let now = SystemTime::now();
    /// let signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse()?; // the base64 of any 20 bytes
    /// let verified = VerifiedSignature::new("key-id", signature, now, now + Duration::from_secs(60));
    ///
    /// let guard = MemoryReplayGuard::new();
    /// assert!(guard.record(verified.clone()).await?);
    /// assert!(!guard.record(verified).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(key_id: impl Into<Arc<str>>, signature: Signature, date: SystemTime, valid_until: SystemTime) -> Self {
        let second =
            |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST_SECOND));
        let (date_secs, valid_until_secs) = (second(date), second(valid_until));
        Self { key_id: key_id.into(), signature, date_secs, valid_until_secs, clock: Clock::default() }
    }

    /// Returns the SHA-256 of the 20 bytes of the signature.
    ///
    /// It is the same for every copy of a request, regardless of the query, the unsigned headers and the key id, which is not
    /// signed either. It cannot be used to replay the request.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.signature.bytes).into()
    }

    /// Returns the date of the request, which the signature covers.
    pub fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.date_secs)
    }

    /// Returns the last second in which the request can pass the verifying layer, because its body may be complete
    /// then: its date plus [`date_tolerance`](super::LogentriesVerifyLayer::date_tolerance) and
    /// [`upload_duration`](super::LogentriesVerifyLayer::upload_duration).
    pub fn valid_until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.valid_until_secs)
    }

    /// Returns how long from now a guard must remember the signature: as long as a copy of its request can pass, plus
    /// one minute. Use it as the time to live in a remote guard.
    ///
    /// The minute allows for replicas whose clocks differ, and for requests that are on their way to a guard. For a signature
    /// that can no longer pass, this is 61 seconds. A guard that keeps the time itself adds this to its own clock.
    pub fn remember_for(&self) -> Duration {
        let left = self.valid_until_secs.saturating_sub(self.clock.now().unwrap_or(0)).saturating_add(1);
        Duration::from_secs(left).saturating_add(Self::MARGIN)
    }

    /// Returns whether the verifying layer would no longer let the request pass.
    pub(crate) fn is_expired(&self) -> bool {
        self.clock.now().is_none_or(|now| now > self.valid_until_secs)
    }

    /// Returns the id of the key that made the signature.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// Without the signature, which suffices to replay its request.
impl fmt::Debug for VerifiedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSignature")
            .field("key_id", &self.key_id)
            .field("valid_until", &self.valid_until())
            .finish_non_exhaustive()
    }
}
