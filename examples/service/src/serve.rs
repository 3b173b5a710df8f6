//! The layers around the API, in their order, and how the service ends.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::Request,
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::Response,
    routing::get,
};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::{
    cors::CorsLayer,
    timeout::TimeoutLayer,
    trace::{DefaultOnResponse, TraceLayer},
};
use tower_logentries_auth::{
    KeyStore, LogentriesVerifyLayer, RejectReplaysLayer,
    server::{CachedKeyStore, key_store_fn},
};
use tracing::{Level, info_span};

use crate::{database::Database, guard::Guard, handlers, metrics::Metrics};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The Redis or Valkey server by which replicas know each other's signatures.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// How many seconds a revoked key passes at most.
    #[arg(long, default_value_t = 30)]
    revocation_secs: u64,
    /// How many seconds a request may take.
    #[arg(long, default_value_t = 10)]
    timeout_secs: u64,
    /// An origin whose pages may call the service from a browser. Can be given several times.
    #[arg(long)]
    allow_origin: Vec<HeaderValue>,
}

pub(crate) async fn serve(database: Database, options: &Options) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let app = app(&database, Guard::new(options.redis_url.as_deref())?, options);
    let listener = TcpListener::bind(options.listen).await.context("the address cannot be listened on")?;
    println!("Listening on http://{}", listener.local_addr()?);
    // Requests in flight are finished, for as long as a request may take.
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    database.close().await;
    Ok(())
}

fn app(database: &Database, guard: Guard, options: &Options) -> Router {
    let metrics = Metrics::default();
    let api = Router::new()
        .route("/management/logs", get(handlers::list_logs).post(handlers::create_log))
        .route("/management/accounts/{account}", get(handlers::show_account))
        .route("/management/accounts/{account}/users", get(handlers::list_users).post(handlers::create_user))
        .with_state(database.clone())
        // Unlike `layer`, it leaves the answer for a path without a route alone: 404, not 401.
        .route_layer(RejectReplaysLayer::new(move |signature| guard.clone().record(signature)))
        .route_layer(LogentriesVerifyLayer::new(key_store(database, options)).body_limit(1024 * 1024));
    // Move these to an address of their own if strangers reach this one.
    let counted = metrics.clone();
    let public =
        Router::new().route("/health", get(async || "ok")).route("/metrics", get(async move || counted.to_text()));
    let around = ServiceBuilder::new()
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(
                    |request: &Request| info_span!("request", method = %request.method(), path = request.uri().path()),
                )
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        .layer(cors(options)) // outside of the verifying layer: a preflight request has no key
        .map_response(move |response: Response| metrics.count(response))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(options.timeout_secs)));
    api.merge(public).layer(around)
}

fn key_store(
    database: &Database,
    options: &Options,
) -> impl KeyStore<OwnerKeys: Send, ApiKey: Send, Error: Send> + Clone + Send + Sync + 'static {
    let revocation = Duration::from_secs(options.revocation_secs);
    CachedKeyStore::new(key_store_fn(database.clone(), Database::find_owner_keys, Database::find_api_key))
        .time_to_live(revocation)
        .unknown_time_to_live(revocation.min(Duration::from_secs(5)))
}

/// A page in a browser cannot set a Date, so it cannot sign: it has API keys alone.
fn cors(options: &Options) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(options.allow_origin.clone())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([ACCEPT, CONTENT_TYPE, HeaderName::from_static("x-api-key")])
}

/// Resolves at Ctrl-C, and at the SIGTERM that a service manager sends.
async fn stopped() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        _ = terminated => {}
    }
}
