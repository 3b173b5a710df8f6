//! The example of that name, run as a user runs it.

use crate::support::{
    LOGS, READ_ONLY_KEY,
    child::{self, Ran},
    server::record,
};

#[track_caller]
fn assert_succeeded(ran: &Ran) {
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
}

#[tokio::test]
async fn follows_redirects_and_retries_with_either_stack() {
    let ran = child::run("client_in_a_struct", &[]).await;
    assert_succeeded(&ran);
    assert_eq!(ran.stdout, "named: 200 OK []\nboxed: 200 OK []\n");
}

#[tokio::test]
async fn sends_the_keys_of_the_environment_to_a_given_origin() {
    let (origin, recording) = record().await;
    assert_succeeded(&child::run("client_in_a_struct", &[&origin]).await);
    let received = recording.take();
    assert_eq!(received.len(), 2);
    for received in received {
        assert_eq!((&*received.target, received.header("x-api-key")), (LOGS, Some(READ_ONLY_KEY)));
    }
}
