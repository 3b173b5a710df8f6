//! Keys: how they are made, read from the environment, and replaced.

mod environment;
mod keys;
mod rotation;
