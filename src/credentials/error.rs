//! Why credentials could not be created.

use std::fmt;

use super::source::{OWNER_ID, OWNER_KEY, PLATFORM_KEY, READ_ONLY_KEY, READ_WRITE_KEY};

/// Why credentials could not be created. It names the key or the environment variable, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The value is empty.
    #[non_exhaustive]
    Empty {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains whitespace, such as the final newline of a file.
    #[non_exhaustive]
    Whitespace {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains a control character.
    #[non_exhaustive]
    ControlCharacter {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The value contains a character outside ASCII.
    #[non_exhaustive]
    NotAscii {
        /// The key or the environment variable.
        name: &'static str,
    },
    /// The id of an owner key contains a `:`, which would end the id in the header.
    ColonInKeyId,
    /// Only one of the owner key's two variables is set.
    #[non_exhaustive]
    IncompleteOwnerKey {
        /// The variable that is set.
        set: &'static str,
        /// The one that is missing.
        missing: &'static str,
    },
    /// None of the keys was found.
    NoKeys,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { name } => write!(f, "{name} is empty: copy it from the account's API keys"),
            Self::Whitespace { name } => {
                write!(f, "{name} contains whitespace, often a line break at its end: remove it")
            }
            Self::ControlCharacter { name } => write!(f, "{name} contains a control character: copy it again"),
            Self::NotAscii { name } => write!(f, "{name} contains a character outside ASCII: copy it again"),
            Self::ColonInKeyId => f.write_str("owner key id contains a ':': pass the key as a value of its own"),
            Self::IncompleteOwnerKey { set, missing } => {
                write!(f, "{set} is set without {missing}: set both, or neither")
            }
            Self::NoKeys => write!(
                f,
                "no Logentries key was found: set {OWNER_ID} and {OWNER_KEY}, {PLATFORM_KEY}, {READ_WRITE_KEY} or {READ_ONLY_KEY}"
            ),
        }
    }
}

impl std::error::Error for CredentialsError {}
