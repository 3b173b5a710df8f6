//! The members of a new item before its fields are set: those that the description requires, and those that clients read.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{memory::merge, operations::Operation};

pub(super) fn defaults(collection: &str, singular: &str) -> Value {
    let described = Operation::find(&Method::GET, &format!("{collection}/id")).and_then(|found| found.answer.clone());
    let mut item = match described {
        Some(mut answer) if answer.get(singular).is_some() => answer[singular].take(),
        Some(answer) if answer.get("id").is_some() => answer,
        _ => json!({}),
    };
    merge(&mut item, read_by_clients(singular));
    item
}

fn read_by_clients(singular: &str) -> Value {
    match singular {
        "user" => json!({ "first_name": "", "last_name": "", "email": "", "login_name": "" }),
        "apikey" => json!({ "active": true, "api_key": Uuid::new_v4().to_string() }), // which opens nothing here
        "team" => json!({ "name": "", "users": [] }),
        "log" => json!({ "name": "", "tokens": [Uuid::new_v4().to_string()], "source_type": "token" }),
        "logset" => json!({ "name": "", "description": "", "user_data": {}, "logs_info": [], "rrn": "stand-in" }),
        "tag" => json!({
            "name": "", "type": "Alert", "description": "", "sources": [], "actions": [], "patterns": [], "labels": [],
            "leql": { "statement": "" },
        }),
        "label" => json!({ "name": "", "color": "3498db", "reserved": false }),
        "saved_query" => json!({ "name": "", "logs": [], "leql": { "statement": "", "during": {} } }),
        _ => json!({}),
    }
}
