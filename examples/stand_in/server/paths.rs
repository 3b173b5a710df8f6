//! The spellings of a path that lead to one resource.

use axum::{extract::Request, http::Uri};

/// Where a request came in: the prefix of its path, which the links of its answer have as well.
#[derive(Clone, Copy)]
pub(super) struct Prefix(pub(super) &'static str);

const LOG_SEARCH: &str = "/log_search";

/// Serves a path below `/log_search`, or with a trailing slash, like the one without.
pub(super) fn normalize(mut request: Request) -> Request {
    let path = request.uri().path();
    let below = path.strip_prefix(LOG_SEARCH).filter(|below| below.starts_with('/'));
    let prefix = Prefix(if below.is_some() { LOG_SEARCH } else { "" });
    let trimmed = format!("/{}", below.unwrap_or(path).trim_matches('/'));
    if let Some(uri) = with_path(request.uri(), &trimmed) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(prefix);
    request
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}
