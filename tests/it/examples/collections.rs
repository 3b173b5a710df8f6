//! What the example `stand_in` keeps: items that are created, shown, changed and deleted.

use http::Method;
use serde_json::{Value, json};

use super::stand_in::StandIn;
use crate::support::{LOGS, USERS};

const COLLECTIONS: [(&str, &str, &str); 12] = [
    (USERS, "users", "user"),
    ("/management/accounts/acme/apikeys", "apikeys", "apikey"),
    ("/management/accounts/acme/teams", "teams", "team"),
    (LOGS, "logs", "log"),
    ("/management/logsets", "logsets", "logset"),
    ("/management/tags", "tags", "tag"),
    ("/management/labels", "labels", "label"),
    ("/management/metrics", "metrics", "metric"),
    ("/management/actions", "actions", "action"),
    ("/management/targets", "targets", "target"),
    ("/query/saved_queries", "saved_queries", "saved_query"),
    ("/query/variables", "variables", "variable"),
];

#[tokio::test]
async fn items_are_created_shown_changed_and_deleted() {
    let api = StandIn::start(&[]).await;
    for (path, plural, singular) in COLLECTIONS {
        for prefix in ["", "/log_search"] {
            let item = |name: &str| json!({ singular: { "name": name } });
            let created = api.json(201, Method::POST, &format!("{prefix}{path}"), item("first")).await;
            let id = created[singular]["id"].as_str().unwrap();
            // Both prefixes lead to the same items.
            let other = if prefix.is_empty() { "/log_search" } else { "" };
            let listed = api.get(&format!("{other}{path}")).await;
            let listed = listed[plural].as_array().unwrap();
            assert!(listed.contains(&created[singular]), "{path}: {listed:?}");

            let path = format!("{prefix}{path}/{id}");
            assert_eq!(api.get(&path).await, created);
            let patched = api.json(200, Method::PATCH, &path, json!({ singular: { "extra": { "a": 1 } } })).await;
            assert_eq!(
                (&patched[singular]["name"], &patched[singular]["extra"]),
                (&json!("first"), &json!({ "a": 1 }))
            );
            // As Rapid7's description has it.
            let (put, deleted) =
                (if singular == "metric" { 201 } else { 200 }, if singular == "label" { 200 } else { 204 });
            let replaced = api.json(put, Method::PUT, &path, item("second")).await;
            assert_eq!((&replaced[singular]["name"], &replaced[singular]["extra"]), (&json!("second"), &Value::Null));
            assert_eq!(api.get(&path).await, replaced);
            assert_eq!(api.text(deleted, Method::DELETE, &path, "").await, "");
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(api.error(404, method, &path, "").await, "not_found");
            }
        }
        // The fields of a user may come without a wrapper.
        let without_wrapper = if singular == "user" { r#"{"user": 1}"# } else { r#"{"other": {}}"# };
        for body in ["no JSON", "[]", without_wrapper] {
            assert_eq!(api.error(400, Method::POST, path, body).await, "bad_request");
        }
    }
}

#[tokio::test]
async fn exports_are_listed_and_deleted() {
    let api = StandIn::start(&[]).await;
    let exports = api.get("/exports").await;
    let path = format!("/exports/{}", exports["export_jobs"][0]["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await["export_job"], exports["export_jobs"][0]);
    api.text(204, Method::DELETE, &path, "").await;
    assert_eq!(api.get("/exports").await, json!({ "export_jobs": [] }));
}

#[tokio::test]
async fn account_owners_and_organization_keys_are_shown() {
    let api = StandIn::start(&[]).await;
    assert_eq!(api.get("/management/accounts/acme").await["account"]["id"], "acme");
    assert_eq!(api.get("/management/accounts/acme/owners").await["owners"][0]["email"], "jane@smyth.com");
    assert_eq!(api.get("/management/organizations/apikeys").await["apikeys"][0]["active"], true);
    assert_eq!(api.error(404, Method::GET, "/management/nothing", "").await, "not_found");
}

/// Returns the ids in a list of an item.
fn ids<'a>(item: &'a Value, list: &str) -> Vec<&'a str> {
    item[list].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn logs_are_in_log_sets() {
    let api = StandIn::start(&[]).await;
    let web = &api.get(LOGS).await["logs"][0];
    let servers = &api.get("/management/logsets").await["logsets"][0];
    assert_eq!(web["logsets_info"][0]["name"], servers["name"]);
    assert_eq!(servers["logs_info"][0]["id"], web["id"]);
    // A change on one side is one on the other.
    let log = api.json(201, Method::POST, LOGS, json!({ "log": { "name": "db" } })).await["log"].clone();
    let log_path = format!("{LOGS}/{}", log["id"].as_str().unwrap());
    assert_eq!(log["logsets_info"][0]["name"], "Servers", "a log is in a log set");
    let with_log = json!({ "logset": { "name": "backend", "logs_info": [{ "id": log["id"] }] } });
    let set = api.json(201, Method::POST, "/management/logsets", with_log).await["logset"].clone();
    let set_path = format!("/management/logsets/{}", set["id"].as_str().unwrap());
    assert_eq!(set["logs_info"][0]["name"], "db");
    assert!(ids(&api.get(&log_path).await["log"], "logsets_info").contains(&set["id"].as_str().unwrap()));
    let elsewhere = json!({ "log": { "name": "db", "logsets_info": [{ "id": servers["id"] }] } });
    api.json(200, Method::PUT, &log_path, elsewhere).await;
    assert!(ids(&api.get(&set_path).await["logset"], "logs_info").is_empty());
    api.text(204, Method::DELETE, &log_path, "").await;
    let left = api.get("/management/logsets").await;
    for set in left["logsets"].as_array().unwrap() {
        assert!(!ids(set, "logs_info").contains(&log["id"].as_str().unwrap()), "{left}");
    }
}

#[tokio::test]
async fn users_are_added_with_and_without_a_wrapper_and_existing_ones_without_a_body() {
    let api = StandIn::start(&[]).await;
    let fields = json!({ "first_name": "Jane", "email": "jane@smyth.com" });
    for body in [fields.clone(), json!({ "user": fields })] {
        let added = api.json(201, Method::POST, USERS, body).await;
        assert_eq!(added["user"]["email"], "jane@smyth.com");
        let id = added["user"]["id"].as_str().unwrap();
        let again: Value =
            serde_json::from_str(&api.text(201, Method::POST, &format!("{USERS}/{id}"), "").await).unwrap();
        assert_eq!(again, added);
    }
    let other = api.text(201, Method::POST, &format!("{USERS}/of-another-account"), "").await;
    assert_eq!(serde_json::from_str::<Value>(&other).unwrap()["user"]["id"], "of-another-account");
}

#[tokio::test]
async fn null_leaves_a_field_as_it_is() {
    let api = StandIn::start(&[]).await;
    let leql = json!({ "statement": "where(error)", "during": { "time_range": "today" } });
    let query = json!({ "saved_query": { "name": "errors", "logs": ["7"], "leql": leql } });
    let saved = api.json(201, Method::POST, "/query/saved_queries", query).await;
    let path = format!("/query/saved_queries/{}", saved["saved_query"]["id"].as_str().unwrap());
    let nulls =
        json!({ "saved_query": { "name": null, "logs": ["8"], "leql": { "statement": null, "during": null } } });
    let patched = api.json(200, Method::PATCH, &path, nulls).await;
    let expected = json!({ "id": saved["saved_query"]["id"], "name": "errors", "logs": ["8"], "leql": leql });
    assert_eq!(patched["saved_query"], expected);
}
