//! The keys of the stand-in, and commands to try them with.

use std::env;

use tower_logentries_auth::{Credentials, CredentialsError};
use uuid::Uuid;

/// The names of the keys in the environment.
const OWNER_ID: &str = "LOGENTRIES_OWNER_API_KEY_ID";
const OWNER: &str = "LOGENTRIES_OWNER_API_KEY";
const READ_WRITE: &str = "LOGENTRIES_RW_API_KEY";
const READ_ONLY: &str = "LOGENTRIES_RO_API_KEY";
const PLATFORM: &str = "LOGENTRIES_PLATFORM_API_KEY";

pub(crate) struct Keys {
    pub(crate) credentials: Credentials,
    /// The names and values of keys that were made up.
    made_up: Vec<(&'static str, String)>,
}

impl Keys {
    pub(crate) fn from_env_or_made_up() -> Result<Self, CredentialsError> {
        match Credentials::from_env() {
            Err(CredentialsError::NoKeys) => Self::made_up(),
            credentials => Ok(Self { credentials: credentials?, made_up: Vec::new() }),
        }
    }

    fn made_up() -> Result<Self, CredentialsError> {
        let [id, owner, read_write, read_only] = [(); 4].map(|()| Uuid::new_v4().to_string());
        let credentials = Credentials::owner(&id, &owner)?.with_read_write(&read_write)?.with_read_only(&read_only)?;
        let made_up = vec![(OWNER_ID, id), (OWNER, owner), (READ_WRITE, read_write), (READ_ONLY, read_only)];
        Ok(Self { credentials, made_up })
    }

    /// Returns the keys, and a command for each thing to try first that they allow.
    pub(crate) fn first_steps(&self, origin: &str) -> String {
        let mut text = match self.made_up.is_empty() {
            true => "Its keys are those in the environment.\n".to_owned(),
            false => "Its keys, which are valid until then:\n\n".to_owned(),
        };
        for (name, key) in &self.made_up {
            text += &format!("export {name}={key}\n");
        }
        text += "\nTry it from another shell:\n";
        if let Some(key) = [READ_ONLY, READ_WRITE, PLATFORM].iter().find_map(|name| self.in_a_command(name)) {
            text += &format!("\n# the logs\n{}\n", logs(origin, &key));
            text += &format!("\n# a query: its answer has the link to poll\n{}\n", query(origin, &key));
        }
        if let (Some(id), Some(key)) = (self.in_a_command(OWNER_ID), self.in_a_command(OWNER)) {
            text += &format!("\n# a new user, signed with the owner key\n{}\n", signed_user(origin, &id, &key));
        }
        text + "\nEach request, its key, and why it was rejected:\n"
    }

    /// Returns how a command names a key: by its value if it was made up, by its variable otherwise.
    fn in_a_command(&self, name: &str) -> Option<String> {
        let made_up = self.made_up.iter().find(|(of, _)| *of == name).map(|(_, key)| key.clone());
        made_up.or_else(|| env::var(name).is_ok_and(|key| !key.is_empty()).then(|| format!("${name}")))
    }
}

fn logs(origin: &str, key: &str) -> String {
    format!(r#"curl -H "x-api-key: {key}" {origin}/management/logs"#)
}

fn query(origin: &str, key: &str) -> String {
    format!(r#"curl -H "x-api-key: {key}" "{origin}/query/logsets?logset_name=Servers&query=where(status=200)""#)
}

/// Signs as the API's guide says, with openssl.
fn signed_user(origin: &str, id: &str, key: &str) -> String {
    format!(
        r#"body='{{"user":{{"first_name":"Jane","last_name":"Smyth","email":"jane@smyth.com"}}}}'
target=management/accounts/acme/users date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
hash=$(printf %s "$body" | openssl dgst -sha256 -binary | openssl base64)
signature=$(printf %s "POSTapplication/json$date$target$hash" | openssl dgst -sha1 -hmac "{key}" -binary | openssl base64)
curl -H "content-type: application/json" -H "date: $date" -H "authorization-api-key: {id}:$signature" \
    -d "$body" {origin}/$target"#
    )
}
