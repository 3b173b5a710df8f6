//! The operations of Rapid7's description of the API, in the table that `examples/stand_in/operations.py` derives from it.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::stand_in::StandIn;

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    status: Vec<u16>,
    answer: Option<Value>,
}

/// What is answered in another way than described, by the reasons in `examples/stand_in/check_operations.py`.
/// The description requires no member of a log set's answer, and clients read `logset`, not `logsets`.
const OTHERS: [(&str, &str); 5] = [
    ("GET", "/management/targets"),
    ("POST", "/management/logsets"),
    ("GET", "/management/logsets/{logset_id}"),
    ("PUT", "/management/logsets/{logset_id}"),
    ("GET", "/usage/organizations"),
];

/// Returns whether a value has the members of another, with the same types.
fn has_members(value: &Value, described: &Value) -> bool {
    match (value, described) {
        (Value::Object(members), Value::Object(described)) => described
            .iter()
            .all(|(name, described)| members.get(name).is_some_and(|member| has_members(member, described))),
        _ => {
            std::mem::discriminant(value) == std::mem::discriminant(described)
                || value.is_boolean() && described.is_boolean()
        }
    }
}

/// Finds the first id in an answer.
fn id(answer: &Value) -> Option<&str> {
    answer["id"].as_str().or_else(|| answer.as_object()?.values().find_map(|member| id(member)))
}

/// Puts ids in the place of those in braces: of a log, a query or an item that exists.
async fn fill(api: &StandIn, path: &str) -> String {
    let Some((collection, rest)) = path.split_once("/{") else { return path.to_owned() };
    let (name, rest) = rest.split_once('}').unwrap();
    let list = match (collection, name) {
        (_, "saved_query_id") => "/query/saved_queries",
        ("/query/logsets", _) => "/management/logsets",
        ("/query" | "/query/live" | "/audit/query", _) => {
            let body = json!({ "logs": ["7"], "leql": { "statement": "", "during": {} } });
            let started = api.send(Method::POST, &format!("{collection}/logs"), body.to_string()).await;
            let link = super::stand_in::json_of(started).await["links"][0]["href"].as_str().unwrap().to_owned();
            return format!("{collection}/{}{rest}", link.rsplit('/').next().unwrap());
        }
        (list, _) => list,
    };
    let created = api.send(Method::POST, list, "{}".to_owned()).await;
    let created = match created.status() {
        StatusCode::CREATED => super::stand_in::json_of(created).await,
        _ if list == "/exports" => api.get(list).await["export_jobs"][0].clone(),
        _ => json!({ "id": "7" }),
    };
    let filled = format!("{collection}/{}{rest}", id(&created).unwrap());
    Box::pin(fill(api, &filled)).await
}

#[tokio::test]
async fn operations_are_answered_as_described() {
    let api = StandIn::start(&[]).await;
    let operations: Vec<Operation> =
        serde_json::from_str(include_str!("../../../examples/stand_in/operations.json")).unwrap();
    assert_eq!(operations.len(), 88);
    for Operation { method, path, status, answer } in operations {
        let is_query = method == "POST" && path.ends_with("/logs") && !path.starts_with("/management");
        let body = if is_query { r#"{"logs": ["7"], "leql": {"statement": "", "during": {}}}"# } else { "" };
        let parameters = match method == "GET" && !path.starts_with("/usage") {
            true => "?from=1&to=2&logset_name=Servers&log_keys=7",
            false => "",
        };
        let target = format!("{}{parameters}", fill(&api, &path).await);
        let answered = api.send(method.parse().unwrap(), &target, body.to_owned()).await;
        assert!(status.contains(&answered.status().as_u16()), "{method} {target}: {}", answered.status());
        if let Some(described) = answer {
            let is_described = has_members(&super::stand_in::json_of(answered).await, &described);
            assert_eq!(is_described, !OTHERS.contains(&(&*method, &*path)), "{method} {path}");
        }
    }
}
