//! The operations of Rapid7's description of the API, as `operations.py` derives them: what each is answered with. One
//! handler answers those that no other part of the stand-in knows.

use std::sync::LazyLock;

use axum::{
    Json,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    memory::merge,
    refusal::{JsonBody, NOT_FOUND, Refusal},
};

#[derive(Deserialize)]
pub(super) struct Operation {
    method: String,
    path: String,
    /// The statuses of success, the first one of which is given.
    status: Vec<u16>,
    /// The members that the description requires. No JSON at all if there is none.
    pub(super) answer: Option<Value>,
}

static OPERATIONS: LazyLock<Vec<Operation>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../operations.json")).unwrap_or_default());

impl Operation {
    /// Finds an operation by its method and a path. Of `/query/logs` and `/query/{id}` it takes the first.
    pub(super) fn find(method: &Method, path: &str) -> Option<&'static Self> {
        let is_method = |operation: &&Self| operation.method == method.as_str();
        let ranked =
            OPERATIONS.iter().filter(is_method).filter_map(|operation| Some((operation.rank(path)?, operation)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, operation)| operation)
    }

    /// Returns how many segments of a path are named, if it is one of this operation's.
    fn rank(&self, path: &str) -> Option<usize> {
        let (names, segments): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        let fits = |(name, segment): (&&str, &&str)| name == segment || name.starts_with('{') && !segment.is_empty();
        let is_it = names.len() == segments.len() && names.iter().zip(&segments).all(fits);
        is_it.then(|| names.iter().filter(|name| !name.starts_with('{')).count())
    }

    pub(super) fn status(&self) -> StatusCode {
        let first = self.status.first().and_then(|status| StatusCode::from_u16(*status).ok());
        first.unwrap_or(StatusCode::OK)
    }

    /// Returns whether an item is described without a wrapper such as `{"log": {..}}`.
    pub(super) fn is_bare(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.get("id").is_some())
    }
}

/// Answers what the description has and nothing else here does: with the members that it requires, and those that were sent.
pub(super) async fn answer(method: Method, uri: Uri, JsonBody(body): JsonBody) -> Result<Response, Refusal> {
    let operation = Operation::find(&method, uri.path()).ok_or(NOT_FOUND)?;
    let Some(mut answer) = operation.answer.clone() else { return Ok(operation.status().into_response()) };
    if body != json!({}) {
        merge(&mut answer, body);
    }
    Ok((operation.status(), Json(answer)).into_response())
}
