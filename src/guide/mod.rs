//! What does not fit on the front page. There is nothing to call in here.

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("key_stores.md")]
pub mod key_stores {}

#[doc = include_str!("replays.md")]
pub mod replays {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}
