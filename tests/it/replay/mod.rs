//! The replay layer, a file a guarantee or setter.
