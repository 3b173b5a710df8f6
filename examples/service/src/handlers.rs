//! The API. An account sees what is its own.

use std::sync::Arc;

use anyhow::Context;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_logentries_auth::Identity;

use crate::database::{Database, Kind};

#[derive(Deserialize)]
pub(crate) struct New {
    name: String,
}

/// Lists the logs of the account that the key belongs to. A request cannot ask for those of another account.
pub(crate) async fn list_logs(State(database): State<Database>, identity: Identity) -> Result<Json<Value>, Failure> {
    Ok(Json(json!({ "logs": database.list(Kind::Logs, &account(identity)?).await? })))
}

pub(crate) async fn create_log(
    State(database): State<Database>,
    identity: Identity,
    Json(log): Json<New>,
) -> Result<StatusCode, Failure> {
    database.add(Kind::Logs, &account(identity)?, &log.name).await?;
    Ok(StatusCode::CREATED)
}

/// Shows an account to itself, and which of its owner keys signed.
pub(crate) async fn show_account(Path(id): Path<String>, identity: Identity) -> Result<Json<Value>, StatusCode> {
    check_account(&identity, &id)?;
    Ok(Json(json!({ "account": { "id": id, "signed_with": identity.key_label.as_deref() } })))
}

pub(crate) async fn list_users(
    State(database): State<Database>,
    Path(id): Path<String>,
    identity: Identity,
) -> Result<Response, Failure> {
    if let Err(status) = check_account(&identity, &id) {
        return Ok(status.into_response());
    }
    Ok(Json(json!({ "users": database.list(Kind::Users, &id).await? })).into_response())
}

pub(crate) async fn create_user(
    State(database): State<Database>,
    Path(id): Path<String>,
    identity: Identity,
    Json(user): Json<New>,
) -> Result<StatusCode, Failure> {
    if let Err(status) = check_account(&identity, &id) {
        return Ok(status);
    }
    database.add(Kind::Users, &id, &user.name).await?;
    Ok(StatusCode::CREATED)
}

/// A valid key does not prove that the path's account is its own.
fn check_account(identity: &Identity, id: &str) -> Result<(), StatusCode> {
    if identity.account.as_deref() == Some(id) { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
}

fn account(identity: Identity) -> anyhow::Result<Arc<str>> {
    identity.account.context("the key store named no account")
}

/// An error that the client learns nothing of.
pub(crate) struct Failure(anyhow::Error);

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
