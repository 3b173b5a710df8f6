//! The example `signing_gateway`, with real traffic through it.

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, channel::Channel};

use crate::support::{
    KEY_ID, LOGS, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, TEAMS, USERS,
    child::Served,
    hyper_client,
    server::{record, record_and, refused_port, serve},
    sockets::Socket,
    with_timeout,
};

async fn gateway_to(upstream: &str) -> Served {
    Served::start("signing_gateway", &["--listen", "127.0.0.1:0", "--upstream", upstream]).await
}

/// Sends a request to the gateway; returns the status, the headers and the text of its answer.
async fn send(request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let (head, body) = hyper_client().request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(body.into()).unwrap())
}

/// Sends bytes as they are; returns the answer.
async fn send_raw(gateway: &Served, request: &str) -> String {
    let mut socket = Socket::connect(&gateway.origin).await;
    socket.send(request).await;
    socket.receive().await
}

#[tokio::test]
async fn resource_chooses_the_key() {
    let (upstream, recording) = record().await;
    let gateway = gateway_to(&upstream).await;
    for (path, key) in [(LOGS, READ_ONLY_KEY), (TEAMS, READ_WRITE_KEY)] {
        send(Request::get(format!("{}{path}?a=b", gateway.origin)).body(Body::empty()).unwrap()).await;
        let received = recording.only();
        assert_eq!(received.header("x-api-key"), Some(key));
        assert_eq!(received.target, format!("{path}?a=b"));
    }
    let request = Request::post(format!("{}{USERS}", gateway.origin)).body(Body::from("a user")).unwrap();
    send(request).await;
    let received = recording.only();
    assert_eq!(received.signature_error(), None);
    assert_eq!(received.body, "a user");
}

#[tokio::test]
async fn credentials_and_host_are_replaced() {
    let (upstream, recording) = record().await;
    let gateway = gateway_to(&upstream).await;
    for path in [LOGS, USERS] {
        let request = Request::get(format!("{}{path}", gateway.origin))
            .header("host", "elsewhere.example")
            .header("x-api-key", "forged")
            .header("authorization-api-key", "forged:too")
            .header("date", "Thu, 17 Aug 2017 20:16:24 GMT");
        send(request.body(Body::empty()).unwrap()).await;
        let received = recording.only();
        assert_eq!(received.header("host"), upstream.strip_prefix("http://"));
        assert!(!format!("{:?}", received.headers.values().collect::<Vec<_>>()).contains("forged"), "{received:?}");
        match path {
            LOGS => assert_eq!(received.header("x-api-key"), Some(READ_ONLY_KEY)),
            _ => assert_eq!(received.signature_error(), None),
        }
    }
}

#[tokio::test]
async fn absolute_target_goes_to_the_upstream() {
    let (upstream, recording) = record().await;
    let (elsewhere, unreached) = record().await;
    let gateway = gateway_to(&upstream).await;
    let request = format!("GET {elsewhere}{LOGS} HTTP/1.1\r\nhost: {elsewhere}\r\nconnection: close\r\n\r\n");
    let response = send_raw(&gateway, &request.replace("host: http://", "host: ")).await;
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert_eq!(recording.only().header("host"), upstream.strip_prefix("http://"));
    assert!(unreached.take().is_empty());
}

#[tokio::test]
async fn targets_without_a_path_are_rejected() {
    let (upstream, recording) = record().await;
    let gateway = gateway_to(&upstream).await;
    for line in ["CONNECT rest.logentries.com:443", "CONNECT /", "OPTIONS *"] {
        let response = send_raw(&gateway, &format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        assert!(response.starts_with("HTTP/1.1 400"), "{response}");
    }
    assert!(recording.take().is_empty());
}

/// Headers for the next hop alone, and one that is for the end.
const HOP_BY_HOP: &[(&str, &str)] = &[
    ("connection", "x-hop, keep-alive"),
    ("connection", "x-another-hop"),
    ("x-hop", "1"),
    ("x-another-hop", "1"),
    ("keep-alive", "timeout=5"),
    ("te", "gzip"),
    ("upgrade", "websocket"),
    ("proxy-connection", "keep-alive"),
];

fn assert_no_hop_by_hop(headers: &HeaderMap) {
    for (name, _) in HOP_BY_HOP {
        assert!(!headers.contains_key(*name), "{name} in {headers:?}");
    }
    assert_eq!(headers.get("x-end"), Some(&HeaderValue::from_static("1")));
}

#[tokio::test]
async fn hop_by_hop_headers_are_removed() {
    let (upstream, recording) = record_and(|_| {
        let response = Response::builder().header("x-end", "1");
        HOP_BY_HOP
            .iter()
            .fold(response, |response, (name, value)| response.header(*name, *value))
            .body(Body::empty())
            .unwrap()
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let request = Request::get(format!("{}{USERS}", gateway.origin)).header("x-end", "1");
    let request = HOP_BY_HOP.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let (status, headers, _) = send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert_no_hop_by_hop(&headers);
    let received = recording.only();
    assert_no_hop_by_hop(&received.headers);
    assert_eq!(received.signature_error(), None);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let echo = Router::new().fallback(|request: Request<Body>| async { Response::new(request.into_body()) });
    let gateway = gateway_to(&serve(echo).await).await;
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let request = Request::post(format!("{}{LOGS}", gateway.origin)).body(Body::new(body)).unwrap();
    let conversation = async {
        let mut echoed = hyper_client().request(request).await.unwrap().into_body();
        for word in ["one", "two", "three"] {
            // The answer to one is there before the next is sent.
            sender.send_data(Bytes::from(word)).await.unwrap();
            assert_eq!(echoed.frame().await.unwrap().unwrap().into_data().unwrap(), word);
        }
        drop(sender);
        assert!(echoed.frame().await.is_none());
    };
    with_timeout(conversation).await;
}

#[tokio::test]
async fn unreachable_upstream_is_502() {
    let (upstream, _held) = refused_port();
    let gateway = gateway_to(&upstream).await;
    for path in [LOGS, USERS] {
        let request = Request::get(format!("{}{path}", gateway.origin)).body(Body::empty()).unwrap();
        let (status, _, reason) = send(request).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(reason.to_lowercase().contains("connection refused"), "{reason}");
    }
}

#[tokio::test]
async fn body_over_the_limit_is_413() {
    let (upstream, recording) = record().await;
    let gateway = gateway_to(&upstream).await;
    let head = format!("POST {USERS} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 16777217\r\n\r\n");
    let response = send_raw(&gateway, &head).await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    assert!(recording.take().is_empty());
}

#[tokio::test]
async fn upstream_response_is_passed_on() {
    let (upstream, _) = record_and(|received| {
        let status = if received.method == "DELETE" { 404 } else { 201 };
        Response::builder().status(status).header("x-ratelimit-remaining", "7").body(Body::from("as it is")).unwrap()
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    for (method, expected) in [(Method::DELETE, 404), (Method::POST, 201)] {
        let request = Request::builder().method(method).uri(format!("{}{LOGS}", gateway.origin));
        let (status, headers, body) = send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((status.as_u16(), &*body), (expected, "as it is"));
        assert_eq!(headers["x-ratelimit-remaining"], "7");
    }
}

#[tokio::test]
async fn keys_queries_and_bodies_are_not_logged() {
    let (upstream, recording) = record().await;
    let gateway = gateway_to(&upstream).await;
    for path in [LOGS, USERS] {
        let request = Request::post(format!("{}{path}?q=s3cret", gateway.origin)).header("x-mine", "s3cret");
        send(request.body(Body::from("s3cret")).unwrap()).await;
    }
    let written = gateway.stop().await;
    assert!(written.contains(LOGS) && written.contains(USERS), "{written}");
    let signature = recording.take()[1].header("authorization-api-key").unwrap().to_owned();
    for secret in ["s3cret", OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY, KEY_ID, &signature] {
        assert!(!written.contains(secret), "{written}");
    }
}

#[tokio::test]
async fn requests_are_printed_with_their_key_and_why_they_were_rejected() {
    let (upstream, _) = record_and(|received| {
        match received.target.as_str() {
            TEAMS => Response::builder()
                .status(403)
                .body(Body::from(r#"{"errorCode": "forbidden", "message": "no\nteams"}"#)),
            _ => Response::builder().body(Body::empty()),
        }
        .unwrap()
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    for path in [LOGS, USERS] {
        send(Request::get(format!("{}{path}", gateway.origin)).body(Body::empty()).unwrap()).await;
    }
    let (status, _, text) = send(Request::get(format!("{}{TEAMS}", gateway.origin)).body(Body::empty()).unwrap()).await;
    assert_eq!((status, &*text), (StatusCode::FORBIDDEN, r#"{"errorCode": "forbidden", "message": "no\nteams"}"#));
    let head = format!("POST {USERS} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 16777217\r\n\r\n");
    send_raw(&gateway, &head).await;
    let written = gateway.stop().await;
    for line in [
        &format!("GET {LOGS}, read-only key, 200 OK\n"),
        &format!("GET {USERS}, signed with the owner key, 200 OK\n"),
        &format!("GET {TEAMS}, read/write key, 403 Forbidden: forbidden: no\\nteams\n"),
        &format!("POST {USERS}, not sent, 413 Payload Too Large: "),
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
}
