//! The verifying layer, a file a guarantee or setter.

#[cfg(feature = "cache")]
mod cached_keys;
mod folded_paths;
mod key_ids;
mod principals;
mod rejections;
