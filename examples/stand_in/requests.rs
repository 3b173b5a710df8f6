//! A line for each request: its key, and why it was rejected.

use std::io::{self, Write};

use axum::{extract::Request, middleware::Next, response::Response};
use http::Extensions;
use tower_logentries_auth::{Identity, Rejection, server::PresentedKey};

/// Prints a request once it is answered. Queries are left out, and no key is shown.
pub(crate) async fn print(request: Request, next: Next) -> Response {
    let start = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let key = key(response.extensions());
    let reason = response.extensions().get::<Rejection>().map(|rejection| format!(": {rejection}")).unwrap_or_default();
    // An error means that the reader has closed the pipe.
    let _ = writeln!(io::stdout(), "{start}, {key}, {}{reason}", response.status());
    response
}

/// Names the key that a request presented, as the verifying layer left it on the response.
fn key(extensions: &Extensions) -> String {
    let rejection = extensions.get::<Rejection>();
    if let Some(identity) = rejection.map_or(extensions.get::<Identity>(), Rejection::identity) {
        let api_key = || format!("{} key", identity.access);
        return identity.key_id.as_ref().map_or_else(api_key, |id| format!("owner key {id}"));
    }
    match rejection.and_then(Rejection::key) {
        Some(PresentedKey::OwnerKeyId(id)) => format!("owner key {id}"),
        Some(_) => "an API key".to_owned(),
        None => "no key".to_owned(),
    }
}
