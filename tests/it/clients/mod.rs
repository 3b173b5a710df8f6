//! The clients and servers that the layers are used with.
