//! What several types share: the error of `FromStr`, the `Debug` of what is better not shown, and access to an inner service.

use std::{fmt, mem};

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

/// Takes the inner service, which is ready for one request. The clone in its place may not be. If the request is rejected,
/// dropping the service releases what `poll_ready` reserved, such as a permit.
pub(crate) fn take_ready<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    mem::replace(inner, clone)
}

/// Implements the access of a middleware to its inner service.
macro_rules! inner_accessors {
    () => {
        /// Returns a reference to the inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// Returns a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// Returns the inner service.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}
pub(crate) use inner_accessors;
