//! The service: authentication, what each tenant may see, and the layers around it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    middleware::map_response_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex};
use tower::ServiceBuilder;
use tower_http::{
    cors::CorsLayer,
    timeout::TimeoutLayer,
    trace::{DefaultOnResponse, TraceLayer},
};
use tower_logentries_auth::{Authenticated, LogentriesVerifyLayer, Rejection, verify::CachedKeyStore};
use tracing::{Level, info_span};

use crate::database::Database;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
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
    let listener = TcpListener::bind(options.listen).await.context("the address cannot be listened on")?;
    println!("Listening on http://{}", listener.local_addr()?);
    // Requests in flight are finished, for as long as a request may take.
    axum::serve(listener, app(&database, options)).with_graceful_shutdown(stopped()).await?;
    database.close().await;
    Ok(())
}

fn app(database: &Database, options: &Options) -> Router {
    let api = Router::new()
        .route("/management/logs", get(list_logs).post(create_log))
        .route("/management/accounts/{account}", get(show_account))
        .with_state(database.clone())
        // Unlike `layer`, it leaves the answer for a path that is no route alone: 404, not 401.
        .route_layer(verify_layer(database.clone(), options));
    let rejections = Rejections::default();
    // On an address of its own where strangers reach this one.
    let public = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/metrics", get(metrics))
        .with_state(rejections.clone());
    let around = ServiceBuilder::new()
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(
                    |request: &Request| info_span!("request", method = %request.method(), path = request.uri().path()),
                )
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        .layer(cors(options)) // outside of the verifying layer: a preflight request has no key
        .layer(map_response_with_state(rejections, count_rejection))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(options.timeout_secs)));
    api.merge(public).layer(around)
}

fn verify_layer(
    database: Database,
    options: &Options,
) -> LogentriesVerifyLayer<impl tower_logentries_auth::KeyStore<Future: Send> + Send + Sync + 'static> {
    let find_key = move |presented| {
        let database = database.clone();
        async move { database.find_key(presented).await }
    };
    let revocation = Duration::from_secs(options.revocation_secs);
    let keys = CachedKeyStore::new(find_key)
        .time_to_live(revocation)
        .unknown_time_to_live(revocation.min(Duration::from_secs(5)));
    LogentriesVerifyLayer::new(keys).body_limit(1024 * 1024)
}

/// A page in a browser cannot set a Date, so it cannot sign: it has API keys alone.
fn cors(options: &Options) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(options.allow_origin.clone())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([ACCEPT, CONTENT_TYPE, HeaderName::from_static("x-api-key")])
}

/// How many requests were rejected, by the kind of rejection.
type Rejections = Arc<Mutex<BTreeMap<&'static str, u64>>>;

async fn count_rejection(State(rejections): State<Rejections>, response: Response) -> Response {
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        *rejections.lock().await.entry(rejection.kind()).or_default() += 1;
    }
    response
}

/// In the text format of Prometheus.
async fn metrics(State(rejections): State<Rejections>) -> String {
    let mut text = "# TYPE rejections_total counter\n".to_owned();
    for (kind, count) in &*rejections.lock().await {
        text += &format!("rejections_total{{kind=\"{kind}\"}} {count}\n");
    }
    text
}

/// Lists the logs of the account whose key it was: another account's cannot be asked for.
async fn list_logs(State(database): State<Database>, identity: Authenticated) -> Result<Json<Value>, Failure> {
    Ok(Json(json!({ "logs": database.logs(&account(identity)?).await? })))
}

#[derive(Deserialize)]
struct NewLog {
    name: String,
}

async fn create_log(
    State(database): State<Database>,
    identity: Authenticated,
    Json(log): Json<NewLog>,
) -> Result<StatusCode, Failure> {
    database.add_log(&account(identity)?, &log.name).await?;
    Ok(StatusCode::CREATED)
}

/// Shows an account to itself, and which of its owner keys signed. A good key does not make the path's account its own.
async fn show_account(Path(id): Path<String>, identity: Authenticated) -> Result<Json<Value>, StatusCode> {
    if identity.principal.as_deref() != Some(&*id) {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(json!({ "account": { "id": id, "signed_with": identity.key_label.as_deref() } })))
}

fn account(identity: Authenticated) -> anyhow::Result<Arc<str>> {
    identity.principal.context("the key store named no account")
}

/// An error that the client learns nothing of.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        tracing::error!(error = format!("{:#}", self.0), "request failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
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
