//! Guides for clients, for servers, and for the day when something fails.
//!
//! For both sides:
//!
//! - [`signing`]: the scheme, a worked example, and the same request by hand, with `curl`, Python and Node.js
//! - [`stacks`]: in which order the layers of a client and of a server go, in one `ServiceBuilder`
//! - [`keys_from_files`]: Kubernetes secrets and vaults, reload without a restart, and a rotation in three calls
//! - [`security`]: what an attacker can and cannot do, and what you must take care of
//! - [`troubleshooting`]: what to do about an error, a status, a log line or a compiler message
//! - [`migrating`]: from code that signs by hand
//!
//! For clients:
//!
//! - [`many_accounts`]: one client and one connection pool for many accounts
//! - [`other_clients`]: blocking clients, reqwest 0.12, and anything else that sends an [`http::Request`]
//!
//! For servers:
//!
//! - [`behind_a_proxy`]: nginx, Caddy and Traefik, with and without a prefix
//! - [`key_stores`]: keys in memory, in a database, and in a cache
//! - [`replays`]: how each signed request passes only once

#[doc = include_str!("signing.md")]
pub mod signing {}

#[doc = include_str!("stacks.md")]
pub mod stacks {}

#[doc = include_str!("many_accounts.md")]
pub mod many_accounts {}

#[doc = include_str!("keys_from_files.md")]
pub mod keys_from_files {}

#[doc = include_str!("other_clients.md")]
pub mod other_clients {}

#[doc = include_str!("behind_a_proxy.md")]
pub mod behind_a_proxy {}

#[doc = include_str!("key_stores.md")]
pub mod key_stores {}

#[doc = include_str!("replays.md")]
pub mod replays {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}
