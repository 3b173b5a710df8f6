//! The verifying layer, a file a guarantee or setter.

mod ambiguity;
mod axum_apps;
mod drain_rejected;
mod events;
mod explain_rejections;
mod faulty_bodies;
mod hyper_servers;
mod identity;
mod keys;
mod nesting;
mod order;
mod path_tricks;
mod properties;
mod raw_requests;
mod rejections;
mod responses;
mod stacks;
mod stripped_prefix;
mod upload_duration;
