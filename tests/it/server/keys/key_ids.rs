//! How long the id of a key may be.

use std::sync::Arc;

use futures_util::future::ready;
use http::StatusCode;
use tokio::sync::mpsc;
use tower_logentries_auth::{
    ApiKeyDigest, OwnerKey,
    server::{Malformed, Reason, key_store_fn},
};

use crate::support::{
    OWNER_KEY,
    verifying::{TestRequest, present, verifier_with},
    with_timeout,
};

#[tokio::test]
async fn long_id_is_malformed_before_lookup() {
    let (show, mut shown) = mpsc::unbounded_channel();
    let store = key_store_fn(
        show,
        |show: mpsc::UnboundedSender<Arc<str>>, id: Arc<str>| {
            let key = OwnerKey::new(&id, OWNER_KEY).unwrap();
            show.send(id).unwrap();
            ready(Ok::<_, std::convert::Infallible>(vec![key]))
        },
        |_, _: ApiKeyDigest| ready(Ok(None)),
    );
    let layer = verifier_with(store);
    for len in [1, 255, 256] {
        let key_id = "i".repeat(len);
        present(&layer, TestRequest { key_id: &key_id, ..TestRequest::CREATE }.request()).await.unwrap();
        assert_eq!(*with_timeout(shown.recv()).await.unwrap(), key_id);
    }
    for len in [257, 4_000] {
        let long = TestRequest { key_id: &"i".repeat(len), ..TestRequest::CREATE }.request();
        let rejection = present(&layer, long).await.unwrap_err();
        assert_eq!(rejection.status(), StatusCode::BAD_REQUEST);
        assert!(matches!(rejection.reason(), Reason::Malformed(Malformed::Credentials)), "{rejection:?}");
        assert_eq!(rejection.key(), None);
        assert!(shown.is_empty());
    }
}
