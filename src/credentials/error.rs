//! Why credentials could not be created.

use std::fmt;

use super::{OWNER_ID, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY};

/// Why credentials could not be created. It names the key or the environment variable, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The value is empty.
    Empty {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains a blank, a tab or a line break, often because it was read from a file with a final newline.
    Whitespace {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains a control character.
    ControlCharacter {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains a character outside ASCII.
    NotAscii {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The id of an owner key contains a `:`, which would end the id in the header.
    ColonInKeyId,
    /// Only one of the owner key's two environment variables is set.
    IncompleteOwnerKey {
        /// The variable that is set.
        set: &'static str,
        /// The one that is missing.
        missing: &'static str,
    },
    /// None of the environment variables is set.
    NoKeysInEnv,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { name } => write!(f, "the {name} is empty: copy it from the account's API keys"),
            Self::Whitespace { name } => {
                write!(f, "the {name} contains whitespace: remove it; often it is a line break at the end")
            }
            Self::ControlCharacter { name } => {
                write!(f, "the {name} contains a control character: copy it again from the account's API keys")
            }
            Self::NotAscii { name } => {
                write!(f, "the {name} contains a character outside ASCII: copy it again from the account's API keys")
            }
            Self::ColonInKeyId => {
                f.write_str("the owner key id contains a ':': pass the id alone, and the key as a separate value")
            }
            Self::IncompleteOwnerKey { set, missing } => {
                write!(f, "{set} is set without {missing}: set both to sign with the owner key, or neither")
            }
            Self::NoKeysInEnv => write!(
                f,
                "no Logentries key in the environment: set {OWNER_ID} and {OWNER_KEY}, {PLATFORM_KEY}, {READ_WRITE_KEY} or {READ_ONLY_KEY}"
            ),
        }
    }
}

impl std::error::Error for CredentialsError {}
