//! The programs in `examples/`, run as a person runs them, and as other clients use them.

mod client_in_a_struct;
mod clients;
mod collections;
mod explain;
mod first_steps;
mod gen_signature;
mod hyper_server;
mod lecli;
mod many_accounts;
mod operations;
mod queries;
mod query_logs;
mod signing_gateway;
mod stand_in;

use std::fs;

use axum::{Extension, Router};
use tower_logentries_auth::{Identity, LogentriesVerifyLayer};

use crate::support::{child::Ran, credentials, server};

/// Starts a server that accepts what the API would, and answers with the access that was granted.
async fn api() -> String {
    let app = Router::new()
        .fallback(|Extension(identity): Extension<Identity>| async move { format!("{} access", identity.access) })
        .layer(LogentriesVerifyLayer::new(credentials()));
    server::serve(app).await
}

/// Asserts that a program succeeded and wrote each of these, in this order.
fn assert_wrote(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut rest = &*ran.stdout;
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not in the rest of {ran:?}")).1;
    }
}

#[test]
fn every_example_has_one_line_in_the_readme() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let readme = fs::read_to_string(format!("{directory}/README.md")).unwrap();
    let mut examples = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name != "README" {
            examples += 1;
            assert!(readme.contains(&format!("| [`{name}`](")), "{name}");
        }
    }
    assert_eq!(readme.matches("\n| [`").count(), examples);
}
