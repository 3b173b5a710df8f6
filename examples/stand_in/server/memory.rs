//! The items that were created, by their paths.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{defaults::defaults, log_sets};

pub(super) type Items = BTreeMap<String, Value>;

#[derive(Clone, Default)]
pub(super) struct Memory {
    items: Arc<Mutex<Items>>,
}

impl Memory {
    /// With a log in a log set, and an export.
    pub(super) fn with_a_log_and_an_export() -> Self {
        let memory = Self::default();
        for (path, singular, fields) in [
            (log_sets::LOG_SETS, "logset", json!({ "name": log_sets::FIRST })),
            (log_sets::LOGS, "log", json!({ "name": "web" })),
            ("/exports", "export_job", json!({ "percentage": 100, "status": "Completed" })),
        ] {
            memory.put(&format!("{path}/{}", Uuid::new_v4()), defaults(path, singular), fields);
        }
        memory
    }

    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.lock().get(path).cloned()
    }

    /// Returns the items below a path.
    pub(super) fn list(&self, path: &str) -> Vec<Value> {
        let below = format!("{path}/");
        self.lock().iter().filter(|(path, _)| path.starts_with(&below)).map(|(_, item)| item.clone()).collect()
    }

    /// Puts fields on an item. The end of its path is its id.
    pub(super) fn put(&self, path: &str, mut item: Value, fields: Value) -> Value {
        merge(&mut item, fields);
        item["id"] = path.rsplit('/').next().into();
        let mut items = self.lock();
        items.insert(path.to_owned(), item);
        log_sets::connect(&mut items, path);
        items.get(path).cloned().unwrap_or_default()
    }

    pub(super) fn remove(&self, path: &str) -> Option<Value> {
        let mut items = self.lock();
        let removed = items.remove(path)?;
        log_sets::connect(&mut items, path);
        Some(removed)
    }

    fn lock(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Merges objects field by field. A field that is sent as null is left as it is, as some clients expect that set nothing.
/// A list of members grows by those that it does not have: a `PATCH` adds users to a team.
pub(super) fn merge(value: &mut Value, with: Value) {
    match (value, with) {
        (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(with)) => {
            with.into_iter().filter(|(_, with)| !with.is_null()).for_each(|(name, with)| {
                merge(fields.entry(name).or_insert(Value::Null), with);
            });
        }
        (Value::Array(members), Value::Array(with)) if with.iter().any(|member| member.get("id").is_some()) => {
            let is_new = |member: &Value| member["id"] != "" && members.iter().all(|known| known["id"] != member["id"]);
            let new: Vec<_> = with.into_iter().filter(is_new).collect();
            members.extend(new);
        }
        (value, with) => *value = with,
    }
}
