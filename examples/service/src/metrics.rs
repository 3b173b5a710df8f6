//! Counts requests by who made them, and by what became of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Response;
use tower_logentries_auth::{Identity, Rejection};

/// The names of the labels. What a stranger can make up, such as the id of an unknown key, is none of their values, because
/// each value is a time series.
const LABELS: [&str; 4] = ["account", "key_id", "key_label", "result"];

#[derive(Clone, Default)]
pub(crate) struct Metrics(Arc<Mutex<BTreeMap<[String; 4], u64>>>);

impl Metrics {
    /// Counts a response of the verifying layer, or of a layer inside of it. Its result is `accepted` or the kind of the
    /// rejection. Other responses, such as to a path without a route, are not counted.
    pub(crate) fn count<B>(&self, response: Response<B>) -> Response<B> {
        let rejection = response.extensions().get::<Rejection>();
        let identity = rejection.map_or(response.extensions().get(), Rejection::identity);
        if rejection.is_some() || identity.is_some() {
            let result = rejection.map_or("accepted", Rejection::kind);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(labels(identity, result)).or_default() += 1;
        }
        response
    }

    /// Returns the text format of Prometheus.
    pub(crate) fn to_text(&self) -> String {
        let mut text = "# TYPE requests_total counter\n".to_owned();
        for (values, count) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = LABELS.iter().zip(values).filter(|(_, value)| !value.is_empty());
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            text += &format!("requests_total{{{}}} {count}\n", labels.join(","));
        }
        text
    }
}

fn labels(identity: Option<&Identity>, result: &str) -> [String; 4] {
    let values = identity.map_or([&None, &None, &None], |i| [&i.account, &i.key_id, &i.key_label]);
    let [account, key_id, key_label] = values.map(|value| value.as_deref().unwrap_or_default().to_owned());
    [account, key_id, key_label, result.to_owned()]
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
