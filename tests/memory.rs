//! What the crate takes from the allocator. `allocation_counter` counts for one thread, so each test runs on one.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_logentries_auth::{Credentials, LogentriesAuthLayer, LogentriesVerifyLayer};

const USERS: &str = "https://rest.logentries.com/management/accounts/acme/users";

/// Signs a request and verifies it in one thread, and says how many bytes are held afterwards that were not before.
fn bytes_kept_by(requests: usize) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let credentials = Credentials::owner("key-id", "owner-key").unwrap();
    let server =
        service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let client = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials.clone()))
        .layer(LogentriesVerifyLayer::new(credentials))
        .service(server);
    let send = async || {
        let request = Request::post(USERS).body(Full::from(vec![7; 4096])).unwrap();
        assert_eq!(client.clone().oneshot(request).await.unwrap().status(), 200);
    };
    // The first one fills what is kept on purpose: the origin's clock, and its date.
    runtime.block_on(send());
    let info = allocation_counter::measure(|| {
        runtime.block_on(async {
            for _ in 0..requests {
                send().await;
            }
        });
    });
    assert!(info.count_total > 0, "the counter counts");
    info.bytes_current
}

#[test]
fn a_signed_and_verified_request_leaves_no_memory_behind() {
    assert_eq!(bytes_kept_by(100), 0);
}
