//! The clients and servers that the layers are used with.

#[cfg(feature = "retry")]
mod client_in_a_struct;
#[cfg(feature = "retry")]
mod upload_file;
