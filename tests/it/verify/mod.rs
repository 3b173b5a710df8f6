//! The verifying layer, a file a guarantee or setter.

mod folded_paths;
mod key_ids;
mod principals;
mod rejections;
