//! Bodies that fail, stall, end early or lie, on their way in. After each, the one permit on either side is still there.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, error_handling::HandleErrorLayer};
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::{ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer, service_fn};

use crate::support::{
    USERS,
    bodies::{Act, Scripted},
    server,
    verifying::{DATE, TestRequest, verifier},
    with_timeout,
};

#[tokio::test]
async fn faulty_body_does_not_reach_the_handler() {
    let inner = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let service = ServiceBuilder::new().concurrency_limit(1).layer(verifier()).concurrency_limit(1).service(inner);
    let send = async |body: Body| {
        let request = TestRequest::CREATE.request().map(|_| body);
        with_timeout(service.clone().oneshot(request)).await.unwrap().status()
    };
    for (what, body) in [
        ("fails", Scripted::new([Act::Data(b"some "), Act::Pending, Act::Fail("the disk is gone")])),
        ("stalls", Scripted::new([Act::Data(b"some "), Act::Stall])),
        ("ends early", Scripted::new([Act::Data(b"some ")]).claiming(10)),
        ("goes on", Scripted::new([Act::Data(b"some "), Act::Data(b"and more")]).claiming(10)),
    ] {
        let sent = send(Body::new(body));
        match what {
            "stalls" => assert!(sent.boxed_local().now_or_never().is_none()),
            _ => assert_eq!(sent.await, StatusCode::BAD_REQUEST, "{what}"),
        }
        assert_eq!(send(Body::from(TestRequest::CREATE.body)).await, StatusCode::OK, "after one that {what}");
    }
}

/// One permit around the verifying layer and one below, and a handler that takes the body.
fn one_at_a_time() -> Router {
    Router::new()
        .fallback(|body: String| async move { body })
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(verifier())
        .layer(GlobalConcurrencyLimitLayer::new(1))
}

/// Opens a connection and sends a well-signed head that promises the body of [`TestRequest::CREATE`], and as much of it as
/// is asked for.
async fn send_part(sent: usize, origin: &str) -> TcpStream {
    let mut stream = TcpStream::connect(origin.strip_prefix("http://").unwrap()).await.unwrap();
    let (credential, body) = (TestRequest::CREATE.credential(), TestRequest::CREATE.body);
    let head = format!(
        "POST {USERS} HTTP/1.1\r\nhost: localhost\r\ndate: {DATE}\r\ncontent-type: application/json\r\n\
         authorization-api-key: {credential}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body[..sent]].concat()).await.unwrap();
    stream
}

async fn status_line(mut stream: TcpStream) -> String {
    let mut answer = [0; 12];
    with_timeout(stream.read_exact(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn aborted_upload_returns_the_permit() {
    let origin = server::serve(one_at_a_time()).await;
    let len = TestRequest::CREATE.body.len();
    for sent in 0..len {
        let mut broken = send_part(sent, &origin).await;
        broken.shutdown().await.unwrap();
    }
    assert_eq!(status_line(send_part(len, &origin).await).await, "HTTP/1.1 200");
}

#[tokio::test]
async fn stalled_upload_times_out() {
    let timeout = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_: tower::BoxError| StatusCode::REQUEST_TIMEOUT))
        .timeout(Duration::from_millis(50));
    // The same service, with the same permits, for one who is given little time and one who is given all.
    let app = one_at_a_time();
    let (impatient, patient) = (server::serve(app.clone().layer(timeout)).await, server::serve(app).await);
    assert_eq!(status_line(send_part(4, &impatient).await).await, "HTTP/1.1 408");
    assert_eq!(status_line(send_part(TestRequest::CREATE.body.len(), &patient).await).await, "HTTP/1.1 200");
}
