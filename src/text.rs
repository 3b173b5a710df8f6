//! Texts: the error of every `FromStr` of this crate, and the `Debug` of what is better not shown.

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

/// Implements a `Debug` that shows the type's name alone, because what is inside is secret, a closure or long.
macro_rules! opaque_debug {
    ($name:ident $(<$($param:ident $(: $bound:path)?),+>)?) => {
        impl$(<$($param $(: $bound)?),+>)? std::fmt::Debug for $name$(<$($param),+>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque_debug;
