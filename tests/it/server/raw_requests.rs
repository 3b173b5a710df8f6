//! Requests written byte by byte: what Rapid7's client sends, and what no correct client would.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::Response;
use tokio::sync::mpsc;
use tower::ServiceBuilder;
use tower_logentries_auth::{
    Rejection,
    server::{Reason, ResponseBody},
};

use crate::support::{
    READ_ONLY_KEY, READ_WRITE_KEY, USERS,
    server::serve,
    sockets::{Socket, status},
    verifying::{DATE, TestRequest, telling, verifier_with},
    with_timeout,
};

/// What went on in a server, as it happened.
#[derive(Debug)]
enum Event {
    /// The store was asked, before the body was read.
    Asked,
    /// The handler got this body.
    Handled(Bytes),
    Rejected(Rejection),
}

/// A server behind the verifying layer, and what goes on in it.
async fn watched() -> (String, mpsc::UnboundedReceiver<Event>) {
    let (tell, events) = mpsc::unbounded_channel();
    let (asked, handled, rejected) = (tell.clone(), tell.clone(), tell);
    let store = telling(move |_| asked.send(Event::Asked).unwrap());
    let outside = move |response: Response<ResponseBody<Body>>| {
        response.extensions().get().cloned().map(|rejection| rejected.send(Event::Rejected(rejection)));
        response
    };
    let handler = |body: Bytes| async move { handled.send(Event::Handled(body)).unwrap() };
    let layers = ServiceBuilder::new().map_response(outside).layer(verifier_with(store));
    (serve(Router::new().fallback(handler).layer(layers)).await, events)
}

/// The next event; a test that waits for none is at fault.
async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    with_timeout(events.recv()).await.unwrap()
}

/// The head of [`TestRequest::CREATE`], but for how its body is framed.
fn head(framing: &str) -> String {
    let credential = TestRequest::CREATE.credential();
    format!(
        "POST {USERS} HTTP/1.1\r\nHost: x\r\nDate: {DATE}\r\nContent-Type: application/json\r\n\
         authorization-api-key: {credential}\r\n{framing}\r\n\r\n"
    )
}

fn with_length() -> String {
    head(&format!("Content-Length: {}", TestRequest::CREATE.body.len()))
}

/// A request exactly as Rapid7's command line client writes it: Python's `requests`, with three headers of its own.
fn as_rapid7_client(draft: &TestRequest<'_>) -> Vec<u8> {
    let TestRequest { method, target, body, .. } = draft;
    let length = match (*method, body.len()) {
        ("GET", 0) => String::new(),
        (_, length) => format!("Content-Length: {length}\r\n"),
    };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n{length}authorization-api-key: {}\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nUser-Agent: lecli\r\nConnection: keep-alive\r\n\
         Date: {DATE}\r\nContent-Type: application/json\r\n\r\n",
        draft.credential()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn rapid7_client_requests_are_accepted() {
    let account = "/management/accounts/acme";
    let (users, user) = (format!("{account}/users"), format!("{account}/users/7"));
    let (owners, keys, key) =
        (format!("{account}/owners"), format!("{account}/apikeys"), format!("{account}/apikeys/9"));
    // json.dumps puts a space behind each colon and comma.
    let add = br#"{"user": {"email": "john@smyth.com", "first_name": "John", "last_name": "Smyth"}}"#;
    let new_key = br#"{"apikey": {"name": "ci", "active": true, "api_key_type": "READ_ONLY"}}"#;
    let disable = br#"{"apikey": {"active": false}}"#;

    let (origin, mut events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    for (method, target, body) in [
        ("GET", &users, &b""[..]),
        ("POST", &users, add),
        ("POST", &user, b""),
        ("DELETE", &user, b""),
        ("GET", &owners, b""),
        ("GET", &keys, b""),
        ("POST", &keys, new_key),
        ("PATCH", &key, disable),
        ("DELETE", &key, b""),
    ] {
        socket.send(as_rapid7_client(&TestRequest { method, target, body, ..TestRequest::LIST })).await;
        assert_eq!(status(&socket.receive().await), 200, "{method} {target}");
        assert!(matches!(next(&mut events).await, Event::Asked));
        assert!(matches!(next(&mut events).await, Event::Handled(got) if got == body), "{method} {target}");
    }
}

#[tokio::test]
async fn content_length_of_2_gib_is_rejected_at_once() {
    let (origin, _events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    socket.send(head("Content-Length: 2147483648")).await;
    let response = socket.receive().await;
    assert_eq!(status(&response), 413, "before a byte of the body was sent");
}

#[tokio::test]
async fn slow_body_is_awaited() {
    let (origin, mut events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    let (first, rest) = TestRequest::CREATE.body.split_at(3);
    socket.send(with_length()).await;
    socket.send(first).await;
    assert!(matches!(next(&mut events).await, Event::Asked));
    socket.send(rest).await;
    assert!(matches!(next(&mut events).await, Event::Handled(body) if body == TestRequest::CREATE.body));
    assert_eq!(status(&socket.receive().await), 200);
}

#[tokio::test]
async fn chunked_body_is_accepted() {
    let (origin, mut events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    socket.send(head("Transfer-Encoding: chunked")).await;
    for chunk in TestRequest::CREATE.body.chunks(5) {
        socket.send(format!("{:x}\r\n", chunk.len())).await;
        socket.send(chunk).await;
        socket.send("\r\n").await;
    }
    socket.send("0\r\n\r\n").await;
    assert_eq!(status(&socket.receive().await), 200);
    assert!(matches!(next(&mut events).await, Event::Asked));
    assert!(matches!(next(&mut events).await, Event::Handled(body) if body == TestRequest::CREATE.body));
}

#[tokio::test]
async fn truncated_body_reaches_no_handler() {
    let (origin, mut events) = watched().await;
    let (body, length) = (TestRequest::CREATE.body, TestRequest::CREATE.body.len());
    let half = String::from_utf8(body[..length / 2].to_vec()).unwrap();
    let chunked = head("Transfer-Encoding: chunked");
    for bytes in [
        with_length(),
        with_length() + &half,
        chunked.clone(),
        format!("{chunked}{length:x}\r\n{half}"),
        format!("{chunked}{:x}\r\n{half}\r\n", half.len()),
        // All of the body came, but not the word that it did.
        format!("{chunked}{length:x}\r\n{}\r\n", str::from_utf8(body).unwrap()),
    ] {
        let mut socket = Socket::connect(&origin).await;
        socket.send(&bytes).await;
        assert!(matches!(next(&mut events).await, Event::Asked));
        let answer = socket.cut().await;
        assert!(answer.is_empty() || status(&answer) == 400, "{bytes}: {answer}");
        while let Ok(event) = events.try_recv() {
            let Event::Rejected(rejection) = event else { panic!("{bytes}: {event:?}") };
            assert!(matches!(rejection.reason(), Reason::ReadBody { .. }), "{bytes}: {rejection:?}");
        }
    }
    let mut socket = Socket::connect(&origin).await;
    socket.send(with_length()).await;
    socket.send(body).await;
    assert_eq!(status(&socket.receive().await), 200, "the server goes on");
}

#[tokio::test]
async fn invalid_chunk_size_reaches_no_handler() {
    let (origin, mut events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    socket.send(head("Transfer-Encoding: chunked") + "2\r\n{}\r\nsurely\r\n").await;
    assert!(matches!(next(&mut events).await, Event::Asked));
    let Event::Rejected(rejection) = next(&mut events).await else { panic!("it was handled") };
    assert!(matches!(rejection.reason(), Reason::ReadBody { .. }), "{rejection:?}");
    assert_eq!(status(&socket.receive().await), 400);
}

#[tokio::test]
async fn duplicate_header_is_rejected() {
    let (origin, _events) = watched().await;
    let credential = TestRequest::LIST.credential();
    let lines = [
        format!("Date: {DATE}\r\n"),
        "Content-Type: application/json\r\n".to_owned(),
        format!("authorization-api-key: {credential}\r\n"),
    ];
    let mut socket = Socket::connect(&origin).await;
    let mut ask = async |more: &str| {
        socket.send(format!("GET {USERS} HTTP/1.1\r\nHost: x\r\n{}{more}\r\n", lines.concat())).await;
        status(&socket.receive().await)
    };
    assert_eq!(ask("").await, 200);
    for line in &lines {
        let (name, value) = line.split_once(':').unwrap();
        for name in [name.to_owned(), name.to_uppercase()] {
            assert_eq!(ask(&format!("{name}:{value}")).await, 400, "{name} twice");
        }
    }
    assert_eq!(ask(&format!("X-Api-Key: {READ_ONLY_KEY}\r\n")).await, 400, "two kinds of credentials");
}

#[tokio::test]
async fn header_whitespace_is_ignored() {
    let (origin, _events) = watched().await;
    let mut socket = Socket::connect(&origin).await;
    let credential = TestRequest::LIST.credential();
    let headers =
        format!("dAtE:{DATE}\t \r\ncontent-TYPE:   application/json \r\nAuthorization-API-Key:\t{credential} \r\n");
    socket.send(format!("GET {USERS} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
    assert_eq!(status(&socket.receive().await), 200);
}

#[tokio::test]
async fn target_forms_are_read_as_paths() {
    let (origin, _events) = watched().await;
    let credential = TestRequest::LIST.credential();
    let headers =
        format!("Host: x\r\nDate: {DATE}\r\nContent-Type: application/json\r\nauthorization-api-key: {credential}");
    for (target, expected) in [
        (USERS.to_owned(), 200),
        (format!("{USERS}?"), 200),
        (format!("{USERS}?limit=5"), 200),
        (format!("http://x{USERS}"), 200),
        (format!("{USERS}/"), 400),
        (format!("{USERS}?#"), 200),
        (format!("/{USERS}"), 401),
        (format!("{USERS}/."), 401),
        (USERS.replace('a', "%61"), 401),
    ] {
        let mut socket = Socket::connect(&origin).await;
        socket.send(format!("GET {target} HTTP/1.1\r\n{headers}\r\n\r\n")).await;
        assert_eq!(status(&socket.receive().await), expected, "{target}");
    }
}

/// Whatever form the target has, and whatever host it names.
#[tokio::test]
async fn no_target_form_opens_an_owners_resource() {
    let (origin, _events) = watched().await;
    for (method, target, expected) in [
        ("GET", USERS.to_owned(), 403),
        ("GET", format!("http://x{USERS}"), 403),
        ("GET", format!("http://x:80{USERS}?a=/b"), 403),
        ("GET", format!("HTTP://X{USERS}/"), 403),
        ("GET", format!("http://management{USERS}"), 403),
        ("GET", format!("http://x/{USERS}"), 400),
        ("CONNECT", "management:80".to_owned(), 400),
        ("CONNECT", "x:80".to_owned(), 400),
        // It names nothing that an owner has.
        ("GET", "http://x?/management/accounts/acme".to_owned(), 200),
        ("OPTIONS", "*".to_owned(), 200),
    ] {
        let mut socket = Socket::connect(&origin).await;
        socket.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\nx-api-key: {READ_WRITE_KEY}\r\n\r\n")).await;
        assert_eq!(status(&socket.receive().await), expected, "{method} {target}");
    }
}
