//! Logs are in log sets. A log lists its log sets, and a log set its logs: a change on one side is one on the other.

use serde_json::{Value, json};

use super::memory::Items;

pub(super) const LOGS: &str = "/management/logs";
pub(super) const LOG_SETS: &str = "/management/logsets";
/// The log set of the logs that are in no other. Clients read the first one of each log.
pub(super) const FIRST: &str = "Servers";

/// The ids of a log and of a log set that it is in.
type Membership = (String, String);

/// Connects both sides again after the item of this path was changed or removed.
pub(super) fn connect(items: &mut Items, changed: &str) {
    if ![LOGS, LOG_SETS].iter().any(|path| changed.starts_with(&format!("{path}/"))) {
        return;
    }
    let (logs, sets) = (ids(items, LOGS), ids(items, LOG_SETS));
    let mut memberships: Vec<Membership> = Vec::new();
    for log in &logs {
        let of_log = sets.iter().filter(|set| is_in(items, log, set, changed)).map(|set| (log.clone(), set.clone()));
        memberships.extend(of_log);
        if !memberships.iter().any(|(member, _)| member == log) {
            let first = sets.iter().find(|set| items[&format!("{LOG_SETS}/{set}")]["name"] == FIRST);
            memberships.extend(first.map(|set| (log.clone(), set.clone())));
        }
    }
    for log in &logs {
        let of_log = memberships.iter().filter(|(member, _)| member == log);
        let listed = of_log.map(|(_, set)| listing(items, LOG_SETS, set)).collect();
        set(items, &format!("{LOGS}/{log}"), "logsets_info", listed);
    }
    for id in &sets {
        let of_set = memberships.iter().filter(|(_, of)| of == id);
        let listed = of_set.map(|(log, _)| listing(items, LOGS, log)).collect();
        set(items, &format!("{LOG_SETS}/{id}"), "logs_info", listed);
    }
}

fn ids(items: &Items, path: &str) -> Vec<String> {
    let below = format!("{path}/");
    items.keys().filter_map(|path| path.strip_prefix(&below)).map(str::to_owned).collect()
}

/// A log that was changed says itself which log sets it is in. Everything else is as the log sets have it.
fn is_in(items: &Items, log: &str, set: &str, changed: &str) -> bool {
    let lists = |path: &str, list: &str, id: &str| {
        let entries = items.get(path).and_then(|item| item[list].as_array());
        entries.is_some_and(|entries| entries.iter().any(|entry| entry["id"] == id))
    };
    match changed == format!("{LOGS}/{log}") {
        true => lists(changed, "logsets_info", set),
        false => lists(&format!("{LOG_SETS}/{set}"), "logs_info", log),
    }
}

/// How an item is listed by the other side.
fn listing(items: &Items, collection: &str, id: &str) -> Value {
    let name = items.get(&format!("{collection}/{id}")).map(|item| &item["name"]);
    json!({ "id": id, "name": name, "links": [] })
}

fn set(items: &mut Items, path: &str, name: &str, value: Value) {
    if let Some(item) = items.get_mut(path) {
        item[name] = value;
    }
}
