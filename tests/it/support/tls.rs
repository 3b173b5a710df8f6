//! A server over TLS, and clients that trust it.

use std::sync::Arc;

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate for 127.0.0.1 that signs itself, and its key, as `rcgen::generate_simple_self_signed` makes them: valid
/// from 1975 to 4096. They are files, so that a clone builds without rcgen and all that it needs.
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.der");
const KEY: &[u8] = include_bytes!("tls/key.der");

/// What accepts connections that agree on one of these protocols, or on none, and its certificate.
pub(crate) fn acceptor(protocols: &[&str]) -> (TlsAcceptor, CertificateDer<'static>) {
    let (certificate, key) = (CertificateDer::from(CERTIFICATE), PrivatePkcs8KeyDer::from(KEY));
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate.clone()], key.into()).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// Serves `app` over TLS; returns its origin, such as `https://127.0.0.1:4711`, and its certificate.
pub(crate) async fn serve(app: Router) -> (String, CertificateDer<'static>) {
    let (acceptor, certificate) = acceptor(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(serve_on(listener, acceptor, app));
    (origin, certificate)
}

/// Serves `app` over TLS on this listener.
pub(crate) async fn serve_on(listener: TcpListener, acceptor: TlsAcceptor, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(app.clone()));
        tokio::spawn(async move {
            // A client that does not trust the certificate hangs up.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The settings of a client that trusts this certificate alone, or none.
pub(crate) fn trusting(certificate: Option<CertificateDer<'static>>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(certificate);
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}
