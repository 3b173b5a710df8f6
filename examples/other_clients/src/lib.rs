//! What the programs in `bin/` share: where they send their requests. Their tests start servers with it, too.

use std::{env, io, net::TcpListener, thread};

use axum::{Extension, Router, body::Bytes};
use http::{Method, Uri};
use tower_logentries_auth::{Credentials, Identity, LogentriesVerifyLayer};

/// Returns the origin in the first argument, with the keys of the environment. If there is none, starts an embedded server.
pub fn target() -> anyhow::Result<(String, Credentials)> {
    if let Some(origin) = env::args().nth(1) {
        return Ok((origin, Credentials::from_env()?));
    }
    let keys = Credentials::owner("key-id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789")?
        .with_read_only("5b0c9d4e-1f2a-4b3c-9d8e-7f6a5b4c3d2e")?;
    Ok((serve(api(keys.clone()))?, keys))
}

/// Answers requests with these keys, as the API does: with the access that was granted.
pub fn api(keys: Credentials) -> Router {
    Router::new().fallback(answer).layer(LogentriesVerifyLayer::new(keys))
}

async fn answer(method: Method, uri: Uri, Extension(identity): Extension<Identity>, body: Bytes) -> String {
    format!("{method} {} with {} bytes, {} access", uri.path(), body.len(), identity.access)
}

/// Serves on a free port of 127.0.0.1, in a thread of its own: a blocking client would hold up a runtime. Returns the origin.
pub fn serve(app: Router) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let origin = format!("http://{}", listener.local_addr()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    thread::spawn(move || {
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await })
    });
    Ok(origin)
}
