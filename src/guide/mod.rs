//! Guides on security, troubleshooting, client types, key stores, replays and migration.

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("client_types.md")]
pub mod client_types {}

#[doc = include_str!("key_stores.md")]
pub mod key_stores {}

#[doc = include_str!("replays.md")]
pub mod replays {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}
