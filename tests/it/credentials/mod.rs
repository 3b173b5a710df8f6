//! Keys: how they are made, read from the environment or elsewhere, and replaced.

mod keys;
mod rotation;
mod sources;

use tower_logentries_auth::CredentialsError;

/// An error as its name and what it names, to be compared.
fn describe(error: &CredentialsError) -> String {
    match error {
        CredentialsError::Empty { name, .. } => format!("empty: {name}"),
        CredentialsError::Whitespace { name, .. } => format!("whitespace: {name}"),
        CredentialsError::ControlCharacter { name, .. } => format!("control character: {name}"),
        CredentialsError::NotAscii { name, .. } => format!("not ASCII: {name}"),
        CredentialsError::ColonInKeyId => "colon".to_owned(),
        CredentialsError::IncompleteOwnerKey { set, missing, .. } => format!("{set} without {missing}"),
        CredentialsError::NoKeys => "no keys".to_owned(),
        other => panic!("{other:?}"),
    }
}
