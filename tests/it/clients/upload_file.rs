//! The example of that name, run as a user runs it.

use std::{
    env, fs, process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{body::Body, response::Response};

use crate::support::{USERS, child, server::record_and};

#[tokio::test]
async fn file_is_resent_after_503_and_307() {
    let content: Vec<u8> = (0..1_000_001).map(|at| at as u8).collect();
    let path = env::temp_dir().join(format!("upload_file_test-{}", process::id()));
    fs::write(&path, &content).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let (origin, recording) = record_and(move |_| {
        let response = match count.fetch_add(1, Ordering::SeqCst) {
            0 => Response::builder().status(503),
            1 => Response::builder().status(307).header("location", format!("{USERS}/moved")),
            _ => Response::builder(),
        };
        response.body(Body::from("kept")).unwrap()
    })
    .await;
    let url = format!("{origin}{USERS}");
    let ran = child::run("upload_file", &["--file", path.to_str().unwrap(), "--url", &url]).await;
    fs::remove_file(&path).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("200 OK kept"), "{ran:?}");
    let received = recording.take();
    assert_eq!(received.len(), 3);
    for received in received {
        assert_eq!((received.signature_error(), received.body == content), (None, true));
    }
}

#[tokio::test]
async fn missing_file_is_named() {
    let ran = child::run("upload_file", &["--file", "/no/such/file"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("/no/such/file"), "{ran:?}");
}
