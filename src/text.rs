//! The error of every `FromStr` of this crate.

use std::fmt;

/// Error of parsing a text: it is not what the type writes. The text itself is not repeated, because it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidText {
    pub(crate) expected: &'static str,
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid text: expected {}", self.expected)
    }
}

impl std::error::Error for InvalidText {}
