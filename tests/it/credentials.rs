//! Making keys, from values and from the environment.
