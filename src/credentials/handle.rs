//! The credentials of a layer, which can be replaced at run time.

use std::iter;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::{ChosenKey, Credentials};
use crate::access::Required;

/// The credentials of layers, which can be replaced at run time. Clones share them.
///
/// A client's layer sends them, and a verifying layer accepts them: it is a key store. A request whose key was already
/// chosen keeps it, so its id and its signature always belong to the same key.
///
/// Keys rotate without a rejected request in three calls. Make each one everywhere before the next, and wait before the third
/// until the requests that were signed with the old key have been answered:
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
    /// All of them are accepted, and the first is sent. There is always one.
    accepted: Arc<RwLock<Vec<Credentials>>>,
}

impl CredentialsHandle {
    /// Creates a handle with these credentials. Give a clone to each layer, and keep one to replace them.
    pub fn new(credentials: Credentials) -> Self {
        Self { accepted: Arc::new(RwLock::new(vec![credentials])) }
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

    /// Replaces the credentials with `sent`, and makes a verifying layer accept `also_accepted` too.
    ///
    /// An API key that occurs in several of them has the access that the first one grants it. `sent` comes first.
    pub fn replace_accepting(&self, sent: Credentials, also_accepted: impl IntoIterator<Item = Credentials>) {
        let accepted = iter::once(sent).chain(also_accepted).collect();
        *self.accepted.write().unwrap_or_else(PoisonError::into_inner) = accepted;
    }

    pub(crate) fn choose_key(&self, required: Required, is_platform: bool) -> Option<ChosenKey> {
        self.accepted().first()?.choose_key(required, is_platform)
    }

    /// Locks the accepted credentials. The first of them are sent.
    pub(crate) fn accepted(&self) -> RwLockReadGuard<'_, Vec<Credentials>> {
        self.accepted.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Credentials> for CredentialsHandle {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}
