//! Sends requests with the blocking client `ureq` 3. It is no tower service: the layer authenticates each request first.
//!
//!     cargo run --bin ureq                                     # an embedded server
//!     cargo run --bin ureq -- https://rest.logentries.com      # the keys come from the environment
//!
//! What the layer does for a tower service after a response, it cannot do here: it corrects no clock. Authenticate a request
//! anew for each attempt, so that it gets a new date.

use std::time::Duration;

use http::Request;
use tower_logentries_auth::{LogentriesAuthLayer, client::BodyBytes};
use ureq::{Agent, AsSendBody};

const USERS: &str = "/management/accounts/acme/users";

fn main() -> anyhow::Result<()> {
    let (origin, credentials) = other_clients::target()?;
    let layer = LogentriesAuthLayer::new(credentials).trust_origin(&origin)?;
    let agent = agent();

    send(&agent, &layer, Request::get(format!("{origin}/management/logs")).body(())?)?;
    let user = r#"{"user":{"email":"john@smyth.com"}}"#;
    send(&agent, &layer, Request::post(format!("{origin}{USERS}")).body(user)?)?;
    send(&agent, &layer, Request::post(format!("{origin}{USERS}/7")).body(())?) // adds an existing user
}

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        // ureq would send x-api-key and authorization-api-key along to any host: it removes only Authorization and cookies.
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn send<B: BodyBytes + AsSendBody>(
    agent: &Agent,
    layer: &LogentriesAuthLayer,
    request: Request<B>,
) -> anyhow::Result<()> {
    let mut response = agent.run(layer.authenticate(request)?)?;
    println!("{}: {}", response.status(), response.body_mut().read_to_string()?);
    Ok(())
}
