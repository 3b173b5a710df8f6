//! Where keys come from, and the identity that they give a request.

mod cached;
mod key_ids;
mod principals;
mod stores;
