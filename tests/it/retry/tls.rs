//! TLS handshakes that are cut off, and certificates that are not trusted.

use axum::Router;
use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::pki_types::CertificateDer;
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{assert_failed, assert_passed, attempts, request, reqwest_clients};
use crate::support::{clients::builder, tls};

/// How a handshake ends.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Closed,
    Reset,
}

/// Starts a server that ends its first connection after the ClientHello, and serves the later ones.
async fn cut_off_once(cut: Cut) -> (String, CertificateDer<'static>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let (acceptor, certificate) = tls::acceptor(&[]);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut hello = vec![0; u16::from_be_bytes([head[3], head[4]]).into()];
        stream.read_exact(&mut hello).await.unwrap();
        if let Cut::Reset = cut {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        tls::serve_on(listener, acceptor, Router::new().fallback(async || {})).await;
    });
    (origin, certificate)
}

fn https(certificate: Option<CertificateDer<'static>>) -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls::trusting(certificate)).https_only();
    Client::builder(TokioExecutor::new()).build(connector.enable_http1().build())
}

#[tokio::test]
async fn handshake_that_is_cut_off_is_retried() {
    for cut in [Cut::Closed, Cut::Reset] {
        let (origin, certificate) = cut_off_once(cut).await;
        assert_passed(attempts(https(Some(certificate)), &origin, request(Method::GET, &origin)).await, 2);
        let (origin, certificate) = cut_off_once(cut).await;
        assert_failed(attempts(https(Some(certificate)), &origin, request(Method::POST, &origin)).await, 1);
    }
}

#[tokio::test]
async fn handshake_that_is_cut_off_is_retried_with_reqwest() {
    for cut in [Cut::Closed, Cut::Reset] {
        for way in reqwest_clients::WAYS {
            let (origin, certificate) = cut_off_once(cut).await;
            let certificate = reqwest::Certificate::from_der(&certificate).unwrap();
            let http = builder().tls_certs_only([certificate]).build().unwrap();
            let request = reqwest_clients::request(Method::GET, &origin, "a user");
            assert_passed(reqwest_clients::attempts(way, http, &origin, request).await, 2);
        }
    }
}

#[tokio::test]
async fn untrusted_certificate_is_final() {
    let (origin, _) = tls::serve(Router::new()).await;
    assert_failed(attempts(https(None), &origin, request(Method::GET, &origin)).await, 1);
    for way in reqwest_clients::WAYS {
        let http = builder().build().unwrap();
        let request = reqwest_clients::request(Method::GET, &origin, "a user");
        assert_failed(reqwest_clients::attempts(way, http, &origin, request).await, 1);
    }
}
