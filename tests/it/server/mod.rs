//! The verifying layer, a file a guarantee or setter.

mod ambiguity;
mod axum_apps;
mod drain_rejected;
mod explain;
mod explain_rejections;
mod folded_paths;
mod hyper_servers;
mod keys;
mod nesting;
mod order;
mod paths;
mod properties;
mod raw_requests;
mod rejections;
mod responses;
mod upload_duration;
