//! Proxies that refuse to connect.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::Method;
use reqwest::Proxy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{assert_failed, reqwest_clients};
use crate::support::clients::builder;

const RAPID7: &str = "https://rest.logentries.com";

/// Starts a proxy that answers every request with this status line; returns its origin, and how many came.
async fn refusing(status_line: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; "CONNECT rest.logentries.com:443".len()];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(head, b"CONNECT rest.logentries.com:443");
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = format!("HTTP/1.1 {status_line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            while stream.read_u8().await.is_ok() {}
        }
    });
    (origin, count)
}

#[tokio::test]
async fn proxy_that_refuses_is_asked_once() {
    for status_line in ["407 Proxy Authentication Required", "403 Forbidden"] {
        for way in reqwest_clients::WAYS {
            let (proxy, count) = refusing(status_line).await;
            let http = builder().proxy(Proxy::https(&proxy).unwrap()).build().unwrap();
            let request = reqwest_clients::request(Method::GET, RAPID7, "");
            assert_failed(reqwest_clients::attempts(way, http, RAPID7, request).await, 1);
            assert_eq!(count.load(Ordering::SeqCst), 1, "{status_line}");
        }
    }
}
