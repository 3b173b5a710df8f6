//! Two replicas, and a Redis or Valkey server between them.

use std::time::Instant;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};

use crate::support::{
    Database, OwnerKey, account, http_client,
    redis::Redis,
    service::{Service, capture},
    with_timeout,
};

/// How many copies are in flight: a process may have 1,024 open files by default, and each connection is one.
const AT_ONCE: usize = 900;

/// Two replicas with one account.
struct Replicas {
    replicas: [Service; 2],
    owner: OwnerKey,
    users: String,
    _database: Database,
}

impl Replicas {
    async fn start(redis: &Redis) -> Self {
        let (database, acme) = (Database::new(), account("acme"));
        let owner = database.add_owner_key(&acme, "2026").await;
        let url = redis.url();
        let options = ["--redis-url", &url];
        let replicas = [database.serve(&options).await, database.serve(&options).await];
        Self { replicas, owner, users: format!("/management/accounts/{acme}/users"), _database: database }
    }

    /// A signed request that adds a user of this name.
    async fn adding(&self, name: &str) -> Request<String> {
        capture(&self.owner.credentials(), "POST", &self.users, &format!(r#"{{"name":"{name}"}}"#)).await
    }

    async fn listing(&self) -> Request<String> {
        capture(&self.owner.credentials(), "GET", &self.users, "").await
    }
}

#[tokio::test]
#[ignore = "needs redis-server or valkey-server"]
async fn one_of_a_thousand_copies_passes_on_two_replicas() {
    let redis = Redis::start().await;
    let service = Replicas::start(&redis).await;
    let (request, clients) = (service.adding("jane").await, [(); 2].map(|()| http_client()));
    let send = |n: usize| {
        let mut copy = request.clone().map(Body::from);
        *copy.uri_mut() = format!("{}{}", service.replicas[n % 2].origin(), service.users).parse().unwrap();
        let sending = clients[n % 2].request(copy);
        async { with_timeout(sending).await.unwrap().status() }
    };
    let started = Instant::now();
    let mut statuses: Vec<_> = stream::iter(0..1_000).map(send).buffer_unordered(AT_ONCE).collect().await;
    println!("1,000 copies, {AT_ONCE} at once: {:?}", started.elapsed());
    statuses.sort_unstable();
    assert_eq!(statuses[..2], [StatusCode::CREATED, StatusCode::UNAUTHORIZED]);
    assert_eq!((statuses.len(), statuses[999]), (1_000, StatusCode::UNAUTHORIZED));
}

#[tokio::test]
#[ignore = "needs redis-server or valkey-server"]
async fn without_the_server_nothing_unsafe_passes_and_with_it_service_resumes() {
    let redis = Redis::start().await;
    let service = Replicas::start(&redis).await;
    let captured = service.adding("before").await;
    assert_eq!(service.replicas[0].send_captured(&captured).await, StatusCode::CREATED);
    assert_eq!(service.replicas[1].send_captured(&captured).await, StatusCode::UNAUTHORIZED);

    let stopped = redis.stop().await;
    for n in 0..10 {
        let replica = &service.replicas[n % 2];
        let request = service.adding(&format!("during {n}")).await;
        assert_eq!(replica.send_captured(&request).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(replica.send_captured(&captured).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(replica.send_captured(&service.listing().await).await, StatusCode::OK);
    }
    assert!(service.replicas[0].get("/metrics").await.1.contains(r#"result="guard_unavailable"} 10"#));

    let _redis = stopped.start_again().await;
    for replica in &service.replicas {
        let mut n = 0;
        let resumed = async {
            loop {
                n += 1;
                let request = service.adding(&format!("after, {} {n}", replica.address)).await;
                match replica.send_captured(&request).await {
                    StatusCode::SERVICE_UNAVAILABLE => tokio::task::yield_now().await,
                    status => return status,
                }
            }
        };
        assert_eq!(with_timeout(resumed).await, StatusCode::CREATED);
    }
    // A server without persistence has forgotten everything: what was captured passes once more.
    assert_eq!(service.replicas[0].send_captured(&captured).await, StatusCode::CREATED);
    assert_eq!(service.replicas[1].send_captured(&captured).await, StatusCode::UNAUTHORIZED);
}
