//! How long a long body keeps other tasks waiting.
//!
//!     cargo bench --bench stalls
//!
//! On a runtime of one thread, while one chunk of 64 MiB is hashed: the longest time between two turns of a neighbour.

use std::{
    cell::Cell,
    convert::Infallible,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{BodyDigest, Credentials, LogentriesAuthLayer};

fn main() {
    let body = Bytes::from(vec![b'x'; 64 * 1024 * 1024]);
    let at_once = longest_stall(async { assert_ne!(BodyDigest::of(&body), BodyDigest::EMPTY) });
    let by_the_layer = longest_stall(sign(body.clone()));
    println!("hashed at once      {at_once:>10.2?}");
    println!("hashed by the layer {by_the_layer:>10.2?}");
}

async fn sign(body: Bytes) {
    let credentials = Credentials::owner("key-id", "owner-key").expect("a key");
    let client = ServiceBuilder::new()
        .layer(LogentriesAuthLayer::new(credentials).body_limit(body.len()))
        .service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new(())) });
    let uri = "https://rest.logentries.com/management/accounts/7/users";
    let request = Request::post(uri).body(Full::new(body)).expect("a request");
    client.oneshot(request).await.expect("an answer");
}

/// The longest time that another task waits for its turn while `work` is done.
fn longest_stall(work: impl Future<Output = ()>) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let longest = Rc::new(Cell::new(Duration::ZERO));
    LocalSet::new().block_on(&runtime, async {
        let seen = Rc::clone(&longest);
        let neighbour = spawn_local(async move {
            let mut last = Instant::now();
            loop {
                yield_now().await;
                seen.set(seen.get().max(last.elapsed()));
                last = Instant::now();
            }
        });
        yield_now().await;
        work.await;
        yield_now().await;
        neighbour.abort();
    });
    longest.get()
}
