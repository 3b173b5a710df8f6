//! How long the id of a key may be.

use std::{convert::Infallible, sync::Arc};

use http::StatusCode;
use tokio::sync::mpsc;
use tower_logentries_auth::{
    OwnerKey, Rejection,
    server::{Malformed, PresentedKey, StoredKey},
};

use crate::support::{
    OWNER_KEY,
    verifying::{TestRequest, present, verifier_with},
    with_timeout,
};

#[tokio::test]
async fn long_id_is_malformed_before_lookup() {
    let (show, mut shown) = mpsc::unbounded_channel();
    let layer = verifier_with(move |presented| {
        let PresentedKey::OwnerKeyId(id) = presented else { panic!("{presented:?}") };
        show.send(Arc::clone(&id)).unwrap();
        let key = OwnerKey::new(&id, OWNER_KEY).unwrap();
        async move { Ok::<_, Infallible>(Some(StoredKey::owner([key]))) }
    });
    for len in [1, 255, 256] {
        let key_id = "i".repeat(len);
        present(&layer, TestRequest { key_id: &key_id, ..TestRequest::CREATE }.request()).await.unwrap();
        assert_eq!(*with_timeout(shown.recv()).await.unwrap(), key_id);
    }
    for len in [257, 4_000] {
        let long = TestRequest { key_id: &"i".repeat(len), ..TestRequest::CREATE }.request();
        let rejection = present(&layer, long).await.unwrap_err();
        assert_eq!(rejection.status(), StatusCode::BAD_REQUEST);
        assert!(matches!(rejection, Rejection::Malformed(Malformed::Credentials)), "{rejection:?}");
        assert!(shown.is_empty());
    }
}
