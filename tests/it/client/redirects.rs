//! Clients that are sent elsewhere.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use reqwest::redirect::Policy;
use reqwest_middleware::ClientBuilder;
use rustls::pki_types::CertificateDer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, util::BoxCloneService};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{PolicyExt, Standard, clone_body_fn},
};
use tower_logentries_auth::{
    AuthError, BodyDigest, LogentriesAuthLayer, LogentriesAuthMiddleware, client::UntrustedOrigins,
};

use crate::support::{
    LOGS, READ_ONLY_KEY, USERS,
    clients::{all_ways, auth_error, builder},
    layer_for,
    server::{Received, Recording, record, record_and, recorder},
    tls,
};

/// Resources that have moved: one takes an API key, one the owner's signature.
const OLD_LOGS: &str = "/management/logs/old";
const OLD_USERS: &str = "/management/accounts/old/users";

/// Redirects requests for a moved resource to `location`, and answers all others with 200.
fn moved(status: u16, location: impl Into<String>) -> impl Fn(&Received) -> Response + Clone {
    let location = location.into();
    move |received| match received.target.contains("/old") {
        true => Response::builder().status(status).header("location", &location).body(Body::empty()).unwrap(),
        false => Response::new(Body::empty()),
    }
}

/// Starts a server that sends its clients to a second one; returns its origin, and the recordings of both.
async fn moved_to_a_foreign_server(path: &str) -> (String, Recording, Recording) {
    let (to, foreign) = record().await;
    let (origin, trusted) = record_and(moved(302, format!("{to}{path}"))).await;
    (origin, trusted, foreign)
}

fn credentials_of(received: &Received) -> (Option<&str>, Option<&str>) {
    (received.header("x-api-key"), received.header("authorization-api-key"))
}

/// A client that follows redirects, each hop of which goes through the layer.
type Following = BoxCloneService<Request<&'static str>, StatusCode, BoxError>;

struct Clients {
    hyper: Client<HttpsConnector<HttpConnector>, Body>,
    reqwest: reqwest::Client,
}

impl Clients {
    /// Clients that trust these certificates alone.
    fn trusting(certificate: Option<CertificateDer<'static>>) -> Self {
        let certificates = certificate.iter().map(|der| reqwest::Certificate::from_der(der).unwrap());
        let reqwest = builder().tls_certs_only(certificates).build().unwrap();
        let https = HttpsConnectorBuilder::new().with_tls_config(tls::trusting(certificate));
        let hyper = Client::builder(TokioExecutor::new()).build(https.https_or_http().enable_http1().build());
        Self { hyper, reqwest }
    }

    /// Clients that follow redirects outside of the layer.
    fn following(self, layer: &LogentriesAuthLayer) -> [(&'static str, Following); 3] {
        let hyper = ServiceBuilder::new()
            .map_request(|request: Request<&'static str>| request.map(Body::from))
            .map_response(|response: http::Response<_>| response.status())
            .layer(FollowRedirectLayer::new())
            .layer(layer.clone())
            .service(self.hyper)
            .map_err(BoxError::from);
        let reqwest = ServiceBuilder::new().layer(layer.clone()).service(self.reqwest.clone());
        let middleware = LogentriesAuthMiddleware::from(layer.clone());
        let middleware = ClientBuilder::new(self.reqwest).with(middleware).build();
        [
            ("hyper", BoxCloneService::new(hyper)),
            ("reqwest", following_with_reqwest(reqwest)),
            ("reqwest-middleware", following_with_reqwest(middleware)),
        ]
    }
}

/// tower-http follows redirects for requests of the `http` crate: two lines turn these into reqwest's and back.
///
/// They are turned outside of the layer. Inside, it would sign a path that reqwest's URL may spell in another way.
fn following_with_reqwest<S>(client: S) -> Following
where
    S: Service<reqwest::Request, Response = reqwest::Response, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
{
    let client = ServiceBuilder::new()
        .map_request(|request: Request<&'static str>| request.map(reqwest::Body::from))
        .map_response(|response: http::Response<_>| response.status())
        .layer(FollowRedirectLayer::new())
        .map_response(http::Response::<reqwest::Body>::from)
        .filter(|request: Request<reqwest::Body>| reqwest::Request::try_from(request))
        .service(client);
    BoxCloneService::new(client)
}

fn following(layer: &LogentriesAuthLayer) -> [(&'static str, Following); 3] {
    Clients::trusting(None).following(layer)
}

fn get(url: impl AsRef<str>) -> Request<&'static str> {
    Request::get(url.as_ref()).body("").unwrap()
}

#[tokio::test]
async fn trusted_hop_is_signed_for_its_path() {
    for status in [301, 302, 303, 307, 308] {
        let (origin, recording) = record_and(moved(status, format!("{USERS}/?moved=1"))).await;
        for (over, mut client) in following(&layer_for(&origin)) {
            assert_eq!(client.call(get(format!("{origin}{OLD_USERS}"))).await.unwrap(), StatusCode::OK);
            let [first, second] = recording.take().try_into().unwrap();
            assert_eq!((first.signature_error(), second.signature_error()), (None, None), "{over}");
            assert_eq!((&*first.target, second.target), (OLD_USERS, format!("{USERS}?moved=1")), "{over}");
        }
    }
}

#[tokio::test]
async fn path_is_signed_as_sent() {
    let (origin, recording) = record().await;
    for (over, mut client) in following(&layer_for(&origin)) {
        client.call(get(format!("{origin}{USERS}/./%7Ea/../b"))).await.unwrap();
        assert_eq!(recording.only().signature_error(), None, "{over}");
    }
}

#[tokio::test]
async fn hop_uses_the_key_of_its_resource() {
    for (from, to) in [(OLD_LOGS, USERS), (OLD_USERS, LOGS)] {
        let (origin, recording) = record_and(moved(302, to)).await;
        for (over, mut client) in following(&layer_for(&origin)) {
            client.call(get(format!("{origin}{from}"))).await.unwrap();
            for received in recording.take() {
                match received.target.contains("logs") {
                    true => assert_eq!(credentials_of(&received), (Some(READ_ONLY_KEY), None), "{over}"),
                    false => assert_eq!(received.signature_error(), None, "{over}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn untrusted_hop_fails() {
    for path in [OLD_LOGS, OLD_USERS] {
        let (origin, trusted, foreign) = moved_to_a_foreign_server(USERS).await;
        for (over, mut client) in following(&layer_for(&origin)) {
            let error = client.call(get(format!("{origin}{path}"))).await.unwrap_err();
            assert!(matches!(auth_error(&error), AuthError::UntrustedOrigin { .. }), "{over}: {error:?}");
            assert_eq!((trusted.take().len(), foreign.take().len()), (1, 0), "{over}");
        }
    }
}

#[tokio::test]
async fn untrusted_hop_strips_credentials() {
    for path in [OLD_LOGS, OLD_USERS] {
        for to in [LOGS, USERS] {
            let (origin, _, foreign) = moved_to_a_foreign_server(to).await;
            for (over, mut client) in
                following(&layer_for(&origin).untrusted_origins(UntrustedOrigins::StripCredentials))
            {
                let mut request = get(format!("{origin}{path}"));
                for name in ["x-api-key", "authorization-api-key"] {
                    request.headers_mut().insert(name, "left by hand".parse().unwrap());
                }
                assert_eq!(client.call(request).await.unwrap(), StatusCode::OK);
                assert_eq!(credentials_of(&foreign.only()), (None, None), "{over}");
            }
        }
    }
}

#[tokio::test]
async fn scheme_host_and_port_make_the_origin() {
    for foreign in [
        "https://127.0.0.1:PORT",
        "//localhost:PORT",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1.example.com:PORT",
        "http://127.0.0.1:PORT@example.com",
        "http://user@127.0.0.1:PORT",
    ] {
        let (origin, recording) = record_and(move |received| {
            let port = received.header("host").unwrap().rsplit(':').next().unwrap();
            moved(302, format!("{}{USERS}", foreign.replace("PORT", port)))(received)
        })
        .await;
        for (over, mut client) in following(&layer_for(&origin)) {
            let error = client.call(get(format!("{origin}{OLD_USERS}"))).await.unwrap_err();
            let error = auth_error(&error);
            assert!(
                matches!(error, AuthError::UntrustedOrigin { .. } | AuthError::InvalidAuthority),
                "{over}: {error:?}"
            );
            assert_eq!(recording.take().len(), 1, "{over}: {foreign}");
        }
    }
}

#[tokio::test]
async fn https_to_http_hop_sends_no_credentials() {
    let (http, plain) = record().await;
    for path in [OLD_LOGS, OLD_USERS] {
        let (app, encrypted) = recorder(moved(302, format!("{http}{USERS}")));
        let (https, certificate) = tls::serve(app).await;
        let refusing = layer_for(&https);
        let passing = refusing.clone().untrusted_origins(UntrustedOrigins::StripCredentials);

        for (over, mut client) in Clients::trusting(Some(certificate.clone())).following(&refusing) {
            let error = client.call(get(format!("{https}{path}"))).await.unwrap_err();
            assert!(matches!(auth_error(&error), AuthError::UntrustedOrigin { .. }), "{over}: {error:?}");
            assert!(plain.take().is_empty(), "{over}");
        }
        for (over, mut client) in Clients::trusting(Some(certificate)).following(&passing) {
            client.call(get(format!("{https}{path}"))).await.unwrap();
            assert_eq!(credentials_of(&plain.only()), (None, None), "{over}");
        }
        assert!(encrypted.take().iter().all(|received| credentials_of(received) != (None, None)));
    }
}

#[tokio::test]
async fn return_from_untrusted_origin_is_signed() {
    let (origin, trusted) = record().await;
    let (foreign, between) = record_and(moved(302, format!("{origin}{USERS}"))).await;
    let layer = layer_for(&origin).untrusted_origins(UntrustedOrigins::StripCredentials);
    for (over, mut client) in following(&layer) {
        client.call(get(format!("{foreign}{OLD_USERS}"))).await.unwrap();
        assert_eq!(credentials_of(&between.only()), (None, None), "{over}");
        assert_eq!(trusted.only().signature_error(), None, "{over}");
    }
}

#[tokio::test]
async fn dropped_body_is_signed_as_empty() {
    let (origin, recording) = record_and(moved(303, USERS)).await;
    let [(_, mut client), ..] = following(&layer_for(&origin));
    let request = Request::post(format!("{origin}{OLD_USERS}")).extension(BodyDigest::of("a user"));
    client.call(request.body("a user").unwrap()).await.unwrap();
    let [first, second] = recording.take().try_into().unwrap();
    assert_eq!((first.signature_error(), second.signature_error()), (None, None));
    assert_eq!((&*second.method, &*second.body), ("GET", &b""[..]));
}

#[tokio::test]
async fn kept_body_is_signed() {
    let (origin, recording) = record_and(moved(307, USERS)).await;
    let policy =
        Standard::default().and::<_, Full<Bytes>, AuthError>(clone_body_fn(|body: &Full<Bytes>| Some(body.clone())));
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::with_policy(policy))
        .layer(layer_for(&origin))
        .service(Client::builder(TokioExecutor::new()).build_http());
    client.oneshot(Request::post(format!("{origin}{OLD_USERS}")).body(Full::from("a user")).unwrap()).await.unwrap();
    for received in recording.take() {
        assert_eq!((received.signature_error(), &*received.body), (None, &b"a user"[..]));
    }
}

#[tokio::test]
async fn one_shot_body_returns_the_redirect() {
    let (origin, recording) = record_and(moved(307, USERS)).await;
    for (over, mut client) in following(&layer_for(&origin)) {
        let request = Request::post(format!("{origin}{OLD_USERS}")).body("a user").unwrap();
        assert_eq!(client.call(request).await.unwrap(), StatusCode::TEMPORARY_REDIRECT, "{over}");
        assert_eq!(recording.only().signature_error(), None, "{over}");
    }
}

mod of_reqwest_itself {
    //! Why a reqwest client below the layer takes `redirect::Policy::none()`.

    use super::*;

    /// A client with reqwest's default policy.
    fn following_itself() -> reqwest::Client {
        builder().redirect(Policy::default()).build().unwrap()
    }

    fn request(url: String) -> reqwest::Request {
        reqwest::Request::new(Method::GET, url.parse().unwrap())
    }

    #[tokio::test]
    async fn default_policy_leaks_credentials() {
        let (origin, _, foreign) = moved_to_a_foreign_server(LOGS).await;
        for (way, mut client) in all_ways(&layer_for(&origin), following_itself()) {
            client.call(request(format!("{origin}{OLD_LOGS}"))).await.unwrap();
            assert_eq!(foreign.only().header("x-api-key"), Some(READ_ONLY_KEY), "{way}");
            client.call(request(format!("{origin}{OLD_USERS}"))).await.unwrap();
            assert!(foreign.only().header("authorization-api-key").is_some(), "{way}");
        }
    }

    #[tokio::test]
    async fn default_policy_sends_wrong_signature() {
        let (origin, recording) = record_and(moved(302, USERS)).await;
        for (way, mut client) in all_ways(&layer_for(&origin), following_itself()) {
            client.call(request(format!("{origin}{OLD_USERS}"))).await.unwrap();
            let [first, second] = recording.take().try_into().unwrap();
            assert_eq!(first.signature_error(), None, "{way}");
            assert!(second.signature_error().is_some(), "{way}");
        }
    }

    #[tokio::test]
    async fn policy_none_returns_the_redirect() {
        let (origin, trusted, foreign) = moved_to_a_foreign_server(LOGS).await;
        for (way, mut client) in all_ways(&layer_for(&origin), builder().build().unwrap()) {
            for path in [OLD_LOGS, OLD_USERS] {
                let response = client.call(request(format!("{origin}{path}"))).await.unwrap();
                assert_eq!(response.status(), StatusCode::FOUND, "{way}");
                assert_eq!((trusted.take().len(), foreign.take().len()), (1, 0), "{way}");
            }
        }
    }
}
