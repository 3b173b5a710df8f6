//! The verifying layer, a file a guarantee or setter.

mod folded_paths;
mod rejections;
