//! The vectors of the wire rules, made by another implementation: as pure values, and through the layer.

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Method, Request};
use serde::Deserialize;
use tower::{ServiceBuilder, ServiceExt};
use tower_logentries_auth::{
    Access, BodyDigest, CanonicalRequest, Credentials, LogentriesAuthLayer, LogentriesVerifyLayer, OwnerKey,
};

use crate::support::{
    at, hyper_client, server,
    verifying::{TestRequest, present},
    wire,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) api_key_id: String,
    pub(crate) api_key: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) content_type: Option<String>,
    pub(crate) date: String,
    body_base64: String,
    body_sha256_base64: String,
    pub(crate) canonical_string: String,
    pub(crate) authorization_api_key: String,
}

impl Vector {
    pub(crate) fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../vectors.json")).unwrap()
    }

    fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        STANDARD.decode(&self.body_base64).unwrap()
    }
}

#[test]
fn intermediate_values_match_vectors() {
    for vector in Vector::all() {
        let digest = BodyDigest::of(vector.body());
        assert_eq!(digest.to_string(), vector.body_sha256_base64, "{}", vector.name);

        let (method, content_type) = (vector.method(), vector.content_type.as_deref());
        let canonical = CanonicalRequest::new(&method, &vector.target, content_type, &vector.date, digest);
        assert_eq!(canonical.to_string(), vector.canonical_string, "{}", vector.name);

        let key = OwnerKey::new(&vector.api_key_id, &vector.api_key).unwrap();
        let credential = format!("{}:{}", key.id(), key.sign(&canonical));
        assert_eq!(credential, vector.authorization_api_key, "{}", vector.name);
    }
}

#[test]
fn independent_verifier_matches_vectors() {
    for vector in Vector::all() {
        let content_type = vector.content_type.as_deref().unwrap_or_default();
        let signature = wire::signature(
            &vector.api_key,
            &vector.method,
            content_type,
            &vector.date,
            &vector.target,
            &vector.body(),
        );
        let credential = format!("{}:{signature}", vector.api_key_id);
        assert_eq!(credential, vector.authorization_api_key, "{}", vector.name);
    }
}

#[tokio::test]
async fn signing_layer_matches_vectors() {
    let (origin, recording) = server::record().await;
    for vector in Vector::all() {
        let second = httpdate::parse_http_date(&vector.date).unwrap();
        let credentials = Credentials::owner(&vector.api_key_id, &vector.api_key).unwrap();
        let layer = LogentriesAuthLayer::new(credentials)
            .trust_origin(&origin)
            .unwrap()
            .clock(move || second)
            .default_content_type(vector.content_type.as_deref().map(|value| HeaderValue::from_str(value).unwrap()));
        let client = ServiceBuilder::new().layer(layer).service(hyper_client());
        let request = Request::builder()
            .method(vector.method())
            .uri(format!("{origin}{}", vector.target))
            .extension(Access::Owner)
            .body(Body::from(vector.body()))
            .unwrap();
        client.oneshot(request).await.unwrap();

        let received = recording.only();
        assert_eq!(received.header("authorization-api-key"), Some(&*vector.authorization_api_key), "{}", vector.name);
        assert_eq!(received.header("date"), Some(&*vector.date), "{}", vector.name);
        assert_eq!(received.header("content-type"), vector.content_type.as_deref(), "{}", vector.name);
        assert_eq!(received.body, vector.body(), "{}", vector.name);
    }
}

#[tokio::test]
async fn verifying_layer_accepts_vectors() {
    // A client takes a slash at the end of the path off before it sends; the layer refuses one.
    let is_sent = |vector: &Vector| vector.target == "/" || !vector.target.split('?').next().unwrap().ends_with('/');
    for vector in Vector::all().into_iter().filter(is_sent) {
        let second = httpdate::parse_http_date(&vector.date).unwrap();
        let credentials = Credentials::owner(&vector.api_key_id, &vector.api_key).unwrap();
        let layer = LogentriesVerifyLayer::new(credentials).clock(move || second);
        let body = vector.body();
        let draft = TestRequest {
            method: &vector.method,
            target: &vector.target,
            content_type: vector.content_type.as_deref().unwrap_or_default(),
            date: &vector.date,
            body: &body,
            ..TestRequest::LIST
        };
        let request = draft.carrying(&vector.authorization_api_key).unwrap();
        let passed = present(&layer, request).await.unwrap_or_else(|rejection| panic!("{}: {rejection}", vector.name));
        assert_eq!(passed.body(), &body, "{}", vector.name);
    }
}

#[test]
fn signed_at_is_the_date_of_the_vectors() {
    assert_eq!(httpdate::fmt_http_date(at(crate::support::SIGNED_AT)()), "Thu, 17 Aug 2017 20:16:24 GMT");
}
