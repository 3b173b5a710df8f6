//! A `CredentialsHandle` as the store of a verifying layer, and as the keys of a client.

use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{
    Access, Credentials, CredentialsHandle, LogentriesAuthLayer, LogentriesVerifyLayer, OwnerKey, Rejection,
    server::Reason,
};

use crate::support::{
    KEY_ID, LOGS, SIGNED_AT, TEAMS, USERS, at,
    inner::RAPID7,
    verifying::{TestRequest, identity, mirror, verifier_with, with_api_key},
};

/// The keys of one generation, under one id.
fn generation(n: usize) -> Credentials {
    let key = OwnerKey::new(KEY_ID, &format!("owner-key-{n}")).unwrap().with_label(n.to_string());
    Credentials::from_owner_key(key).with_read_write(&format!("rw-key-{n}")).unwrap()
}

/// Which of the generations 0 and 1 are accepted, by signature and by API key.
async fn accepted(handle: &CredentialsHandle) -> ([bool; 2], [bool; 2]) {
    let layer = verifier_with(handle.clone());
    let (mut signatures, mut api_keys) = ([false; 2], [false; 2]);
    for n in [0, 1] {
        let key = &*format!("owner-key-{n}");
        let who = identity(&layer, TestRequest { key, ..TestRequest::LIST }.request()).await;
        if let Ok(who) = &who {
            assert_eq!(who.key_label, Some(n.to_string().into()));
        }
        signatures[n] = who.is_ok();
        api_keys[n] = identity(&layer, with_api_key("POST", TEAMS, &format!("rw-key-{n}"))).await.is_ok();
    }
    (signatures, api_keys)
}

/// Which generation signs.
async fn sent(handle: &CredentialsHandle) -> usize {
    let anyone = CredentialsHandle::new(generation(0));
    anyone.replace_accepting(generation(0), [generation(1)]);
    let server = verifier_with(anyone).layer(service_fn(mirror));
    let client = LogentriesAuthLayer::new(handle.clone()).clock(at(SIGNED_AT)).layer(server);
    let request = http::Request::get(format!("{RAPID7}{USERS}")).body(axum::body::Body::empty()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let who = response.extensions().get::<tower_logentries_auth::Identity>().unwrap();
    who.key_label.as_deref().unwrap().parse().unwrap()
}

#[tokio::test]
async fn three_calls_rotate_both_sides() {
    let (old, next) = (generation(0), generation(1));
    let handle = CredentialsHandle::new(old.clone());
    let clone = handle.clone();
    assert_eq!((sent(&clone).await, accepted(&clone).await), (0, ([true, false], [true, false])));
    handle.replace_accepting(old.clone(), [next.clone()]);
    assert_eq!((sent(&clone).await, accepted(&clone).await), (0, ([true, true], [true, true])));
    handle.replace_accepting(next.clone(), [old]);
    assert_eq!((sent(&clone).await, accepted(&clone).await), (1, ([true, true], [true, true])));
    handle.replace_accepting(next, []);
    assert_eq!((sent(&clone).await, accepted(&clone).await), (1, ([false, true], [false, true])));
}

#[tokio::test]
async fn replace_accepts_what_it_is_given_alone() {
    let handle = CredentialsHandle::new(generation(0));
    handle.replace_accepting(generation(0), [generation(1)]);
    handle.replace(generation(1));
    assert_eq!(accepted(&handle).await, ([false, true], [false, true]));
    handle.replace(Credentials::read_only("ro").unwrap());
    assert_eq!(accepted(&handle).await, ([false; 2], [false; 2]));
}

#[tokio::test]
async fn key_in_several_has_the_access_that_the_first_gives() {
    let read_only = || Credentials::read_only("key").unwrap();
    let read_write = || Credentials::read_write("key").unwrap();
    let handle = CredentialsHandle::new(read_only());
    let layer = verifier_with(handle.clone());
    for (sent, also, access) in [
        (read_only(), vec![read_write()], Access::ReadOnly),
        (read_write(), vec![read_only()], Access::ReadWrite),
        (generation(0), vec![read_only(), read_write()], Access::ReadOnly),
        (generation(0), vec![read_write(), read_only()], Access::ReadWrite),
    ] {
        handle.replace_accepting(sent, also);
        assert_eq!(identity(&layer, with_api_key("GET", LOGS, "key")).await.unwrap().access, access);
    }
}

/// Clients and servers that rotate at different times: no request is rejected.
#[tokio::test]
async fn no_request_is_rejected_while_calls_reach_replicas_one_after_another() {
    let (old, next) = (generation(0), generation(1));
    let steps = [
        (old.clone(), vec![]),
        (old.clone(), vec![next.clone()]),
        (next.clone(), vec![old.clone()]),
        (next.clone(), vec![]),
    ];
    let handle = |step: usize| {
        let handle = CredentialsHandle::new(generation(0));
        handle.replace_accepting(steps[step].0.clone(), steps[step].1.clone());
        handle
    };
    for (client, server) in (0..4).flat_map(|step| [(step, step), (step, step + 1), (step + 1, step)]) {
        if client.max(server) == 4 {
            continue;
        }
        let verify = LogentriesVerifyLayer::new(handle(server)).clock(at(SIGNED_AT)).layer(service_fn(mirror));
        let service = LogentriesAuthLayer::new(handle(client)).clock(at(SIGNED_AT)).layer(verify);
        for path in [USERS, TEAMS] {
            let request = http::Request::post(format!("{RAPID7}{path}")).body(axum::body::Body::empty()).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            let rejection = response.extensions().get::<Rejection>();
            assert!(rejection.is_none(), "client at {client}, server at {server}: {rejection:?}");
        }
    }
}

#[tokio::test]
async fn unknown_id_is_unknown_whatever_the_handle_holds() {
    let layer = verifier_with(CredentialsHandle::new(generation(0)));
    let other = TestRequest { key_id: "other-id", key: "owner-key-0", ..TestRequest::LIST };
    let rejection = identity(&layer, other.request()).await.unwrap_err();
    assert!(matches!(rejection.reason(), Reason::UnknownKey), "{rejection:?}");
}
