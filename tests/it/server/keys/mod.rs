//! Where keys come from, and the identity that they give a request.

mod accounts;
mod cached;
mod handle;
mod key_ids;
mod memory;
mod stores;
mod text;
