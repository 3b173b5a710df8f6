//! The credentials of a layer, which can be replaced at run time.

use std::sync::{Arc, PoisonError, RwLock};

use super::{ApiKeyDigest, ChosenKey, Credentials, OwnerKey};
use crate::Access;
use crate::access::Required;

/// The credentials of layers, which can be replaced at run time. Clones share them.
///
/// A client's layer sends them, and a verifying layer accepts them: it is a key store. A request whose key was already
/// chosen keeps it, so its id and its signature always belong to the same key.
///
/// Keys rotate without a rejected request in three calls, each made everywhere before the next:
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_logentries_auth::{Credentials, CredentialsHandle, LogentriesAuthLayer, LogentriesVerifyLayer};
///
/// let old = Credentials::owner("key-id", "old-key")?;
/// let keys = CredentialsHandle::new(old.clone());
/// let client_layer = LogentriesAuthLayer::new(keys.clone());
/// let app: Router = Router::new().route("/", get(|| async {})).layer(LogentriesVerifyLayer::new(keys.clone()));
///
/// let next = Credentials::owner("key-id", "next-key")?;
/// keys.replace_accepting(old.clone(), [next.clone()]); // sends the old key, accepts both
/// keys.replace_accepting(next.clone(), [old]); // sends the next key, accepts both
/// keys.replace_accepting(next, []); // sends and accepts the next key alone
/// # Ok::<(), tower_logentries_auth::CredentialsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CredentialsHandle {
    current: Arc<RwLock<Current>>,
}

#[derive(Debug)]
struct Current {
    sent: Credentials,
    also_accepted: Vec<Credentials>,
}

impl CredentialsHandle {
    /// Creates a handle with these credentials. Give a clone to each layer, and keep one to replace them.
    pub fn new(credentials: Credentials) -> Self {
        Self { current: Arc::new(RwLock::new(Current { sent: credentials, also_accepted: Vec::new() })) }
    }

    /// Replaces the credentials: these alone are sent and accepted. Requests whose key is not chosen yet use them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_logentries_auth::{Credentials, CredentialsHandle};
    ///
    /// # async fn read_from_secret_store() -> Result<Credentials, Box<dyn std::error::Error>> { Ok(Credentials::from_env()?) }
    /// async fn refresh(keys: CredentialsHandle) {
    ///     let mut every_hour = tokio::time::interval(Duration::from_secs(3600));
    ///     loop {
    ///         every_hour.tick().await;
    ///         match read_from_secret_store().await {
    ///             Ok(credentials) => keys.replace(credentials),
    ///             Err(error) => eprintln!("the old keys stay in use: {error}"),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn replace(&self, credentials: Credentials) {
        self.replace_accepting(credentials, []);
    }

    /// Replaces the credentials by `sent`, and has a verifying layer accept `also_accepted` too.
    ///
    /// An API key that is in several of them has the access that the first gives, starting with `sent`.
    pub fn replace_accepting(&self, sent: Credentials, also_accepted: impl IntoIterator<Item = Credentials>) {
        let current = Current { sent, also_accepted: also_accepted.into_iter().collect() };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    pub(crate) fn choose_key(&self, required: Required, is_platform: bool) -> Option<ChosenKey> {
        self.read(|current| current.sent.choose_key(required, is_platform))
    }

    /// Returns the accepted owner keys with this id.
    pub(crate) fn accepted_owner_keys(&self, id: &str) -> Vec<OwnerKey> {
        self.read(|current| {
            let keys = current.accepted().filter_map(Credentials::owner_key);
            keys.filter(|key| key.id() == id).cloned().collect()
        })
    }

    /// Returns the access that an API key grants, if it is accepted.
    pub(crate) fn accepted_api_key(&self, digest: ApiKeyDigest) -> Option<Access> {
        self.read(|current| current.accepted().find_map(|credentials| credentials.granted_to(digest)))
    }

    fn read<T>(&self, read: impl FnOnce(&Current) -> T) -> T {
        read(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    fn accepted(&self) -> impl Iterator<Item = &Credentials> {
        [&self.sent].into_iter().chain(&self.also_accepted)
    }
}

impl From<Credentials> for CredentialsHandle {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}
