//! What a whole run logs, at every level, of every crate in it.

use axum::{Router, body::Body};
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, HttpMakeClassifier, TraceLayer};
use tower_logentries_auth::LogentriesVerifyLayer;

use super::values::requests;
use crate::support::{SIGNED_AT, at, credentials, layer_for, log::Log, server};

/// The layer that logs requests and responses, headers included.
fn talkative() -> TraceLayer<HttpMakeClassifier> {
    TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().include_headers(true))
        .on_response(DefaultOnResponse::new().include_headers(true))
}

/// Requests of every access over loopback, accepted and refused, logged around and below the signing layer and below
/// the verifying one. Above the verifying layer no header is known to be sensitive yet: tower-http's
/// `SetSensitiveRequestHeadersLayer` is for that.
async fn exchange(is_http2: bool) -> String {
    let keys = LogentriesVerifyLayer::new(credentials()).clock(at(SIGNED_AT));
    let late = LogentriesVerifyLayer::new(credentials()).clock(at(SIGNED_AT + 10_000));
    let app = Router::new().fallback(|body: String| async { body }).layer(talkative());
    let origins = [server::serve(app.clone().layer(keys)).await, server::serve(app.layer(late)).await];
    let http = Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http::<Body>();
    let (_, log) = Log::of(async {
        for origin in origins {
            let client = ServiceBuilder::new()
                .layer(talkative())
                .layer(layer_for(&origin).clock(at(SIGNED_AT)))
                .layer(talkative())
                .service(http.clone());
            for request in requests(&origin).into_iter().chain([untrusted()]) {
                // What is refused is logged as well.
                let _ = client.clone().oneshot(request).await;
            }
        }
    })
    .await;
    log
}

fn untrusted() -> Request<Body> {
    Request::get("https://evil.example").body(Body::empty()).unwrap()
}

pub(super) async fn trace_layer() -> String {
    let log = exchange(false).await + &exchange(true).await;
    // The headers are there, and both kinds of ours among them.
    assert!(
        log.contains(r#""x-api-key": Sensitive"#) && log.contains(r#""authorization-api-key": Sensitive"#),
        "{log}"
    );
    log
}

pub(super) async fn tracing() -> String {
    let log = exchange(false).await;
    for event in [
        "sending signed request",
        "request with API key",
        "request accepted",
        "request rejected",
        "clock skew corrected",
    ] {
        assert!(log.contains(event), "{event} {log}");
    }
    log
}
