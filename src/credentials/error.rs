//! Why a key is refused where it is made.

use std::fmt;

use super::{OWNER_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY};

/// Why a key can't be one. It says which key, or which environment variable, and never what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Nothing is there.
    Empty {
        /// The key, or the environment variable.
        what: &'static str,
    },
    /// A blank, a tab or a line break, often taken along when a key is copied or read from a file.
    WhiteSpace {
        /// The key, or the environment variable.
        what: &'static str,
    },
    /// A control character.
    ControlCharacter {
        /// The key, or the environment variable.
        what: &'static str,
    },
    /// A character outside ASCII.
    NotAscii {
        /// The key, or the environment variable.
        what: &'static str,
    },
    /// A `:` in the id of an owner key, where it would end the id.
    Colon,
    /// One of the owner key's two environment variables is set without the other.
    HalfAnOwner {
        /// The variable that is set.
        set: &'static str,
        /// The one that is missing.
        unset: &'static str,
    },
    /// None of the environment variables is set.
    NothingInEnvironment,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { what } => write!(f, "the {what} is empty: copy it from the account's API keys"),
            Self::WhiteSpace { what } => {
                write!(f, "the {what} contains white space: remove it, often a line break at the end")
            }
            Self::ControlCharacter { what } => {
                write!(f, "the {what} contains a control character: copy it again from the account's API keys")
            }
            Self::NotAscii { what } => {
                write!(f, "the {what} contains a character outside ASCII: copy it again from the account's API keys")
            }
            Self::Colon => {
                f.write_str("the owner key id contains a ':': pass the id alone, and the key as a value of its own")
            }
            Self::HalfAnOwner { set, unset } => {
                write!(f, "{set} is set without {unset}: set both to sign with the owner key, or neither")
            }
            Self::NothingInEnvironment => write!(
                f,
                "no key in the environment: set {OWNER_ID} and {OWNER_KEY}, {READ_WRITE_KEY} or {READ_ONLY_KEY}"
            ),
        }
    }
}

impl std::error::Error for CredentialsError {}
